"""Requests recorded beside a model and run while it loads, so that its first real request is a fast one.

They lie in assets.extra/tf_serving_warmup_requests: a TFRecord file of tensorflow.serving.PredictionLog.
"""

import os
import struct
from collections.abc import Iterator
from typing import Any

from serving import wire
from serving.model_server.api import Api
from serving.model_server.status import StatusError

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def warm_up(api: Api, servable: Any, path: str, *, iterations: int = 0) -> int:
    """Runs the records of the model folder `path` and returns how many there were.

    Args:
        iterations: how often each record is run; 0 means once.

    Raises:
        StatusError: a record fails, cannot be read, or is of a kind that cannot be run.
    """
    file = os.path.join(path, FILE)
    if not os.path.exists(file):
        return 0
    count = 0
    for count, record in enumerate(read_records(file), start=1):
        if count > MAX_RECORDS:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}",
            )
        for _ in range(max(1, iterations)):
            _run(api, servable, _parsed(record))
    return count


def _parsed(record: bytes) -> Any:
    try:
        return wire.PredictionLog.FromString(record)
    except Exception as error:
        raise StatusError("INVALID_ARGUMENT", "Failed to parse warmup record as a PredictionLog.") from error


def _run(api: Api, servable: Any, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        api.predict_on(servable, log.predict_log.request)
    elif kind == "classify_log":
        api.classify_on(servable, log.classify_log.request)
    elif kind == "regress_log":
        api.regress_on(servable, log.regress_log.request)
    elif kind == "multi_inference_log":
        api.multi_inference_on(servable, log.multi_inference_log.request)
    else:
        raise StatusError("UNIMPLEMENTED", f"Unsupported log_type for warmup: {kind}")


def read_records(file: str) -> Iterator[bytes]:
    """The records of a TFRecord file: length, its checksum, data, its checksum.

    Raises:
        StatusError: DATA_LOSS, the file is cut or no TFRecord.
    """
    with open(file, "rb") as source:
        while header := source.read(12):
            if len(header) < 12 or struct.unpack("<I", header[8:])[0] != masked_crc32c(header[:8]):
                raise _data_loss(file)
            (length,) = struct.unpack("<Q", header[:8])
            data, checksum = source.read(length), source.read(4)
            if (
                len(data) < length
                or len(checksum) < 4
                or struct.unpack("<I", checksum)[0] != masked_crc32c(data)
            ):
                raise _data_loss(file)
            yield data


def _data_loss(file: str) -> StatusError:
    return StatusError(
        "DATA_LOSS",
        f"Failed to read warmup record from {file}. Please verify your warmup data is in TFRecord format.",
    )


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C (Castagnoli), rotated right by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
