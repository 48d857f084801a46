"""Recorded requests, in files that TensorFlow writes."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving import wire
from serving.model_server.api import Api
from serving.model_server.status import StatusError
from serving.model_server.warmup import FILE, masked_crc32c, read_records, warm_up


def record(signature="s", value=1.0):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "whatever", signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([value]))
    return log.SerializeToString()


def write(folder, *records):
    (folder / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for each in records:
            writer.write(each)


class Model:
    def __init__(self):
        definition = wire.SignatureDef()
        for part in (definition.inputs["x"], definition.outputs["y"]):
            part.name, part.dtype = "x:0", 1
        self.signatures = {"s": definition}
        self.seen = []

    def run(self, feeds, fetches):
        self.seen.extend(feeds["x:0"].tolist())
        return [np.zeros(1, np.float32)]


def run(folder, **options):
    model = Model()
    count = warm_up(Api(None), model, str(folder), **options)
    return count, model.seen


def test_every_record_is_run_in_order(tmp_path):
    write(tmp_path, record(value=1.0), record(value=2.0))
    assert run(tmp_path) == (2, [1.0, 2.0])
    assert run(tmp_path, iterations=2) == (2, [1.0, 1.0, 2.0, 2.0])


def test_no_file_is_no_warmup(tmp_path):
    assert run(tmp_path) == (0, [])


def test_a_failing_record_fails(tmp_path):
    write(tmp_path, record("other"))
    with pytest.raises(StatusError, match='FAILED_PRECONDITION: Serving signature key "other" not found'):
        run(tmp_path)


def test_kinds_that_cannot_be_run(tmp_path):
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    write(tmp_path, log.SerializeToString())
    with pytest.raises(StatusError, match="UNIMPLEMENTED: Unsupported log_type"):
        run(tmp_path)


def test_at_most_a_thousand(tmp_path):
    write(tmp_path, *[record()] * 1001)
    with pytest.raises(StatusError, match="exceeds the maximum"):
        run(tmp_path)


@pytest.mark.parametrize("content", [b"not a record at all", b"12345"])
def test_another_file_is_data_loss(tmp_path, content):
    write(tmp_path)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(
        StatusError, match=r"DATA_LOSS: .*Please verify your warmup data is in TFRecord format"
    ):
        run(tmp_path)


def test_a_cut_or_changed_file_is_data_loss(tmp_path):
    write(tmp_path, record())
    content = (tmp_path / FILE).read_bytes()
    for damaged in (content[:-3], content[:20] + b"?" + content[21:]):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(StatusError, match="DATA_LOSS"):
            list(read_records(str(tmp_path / FILE)))


def test_the_checksum_of_the_standards_example():
    # RFC 3720 B.4: 32 bytes of zeros have the CRC-32C 8a9136aa
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
