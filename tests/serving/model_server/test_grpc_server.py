"""The gRPC face, asked by TensorFlow Serving's own published stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.model_server.grpc_server import truncated

X = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
WORDS = np.array([["a", "b"], ["c", ""]], object)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="", *, name="toy", filter=(), **inputs):
    message = predict_pb2.PredictRequest(output_filter=filter)
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    for alias, value in inputs.items():
        message.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return message


def failure(call, message):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=20)
    return caught.value.code().name, caught.value.details()


def test_predict_answers_in_typed_fields_with_the_resolved_spec(stub):
    response = stub.Predict(request(x=X, words=WORDS), timeout=20)
    assert list(response.outputs["y"].float_val) == (X * 2).ravel().tolist()
    assert list(response.outputs["joined"].string_val) == [b"a,b", b"c,"]
    assert list(response.outputs["count"].int_val) == [2, 1]
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [2, 2]
    assert all(not tensor.tensor_content for tensor in response.outputs.values())
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("toy", "serving_default", 7)


def test_every_type_comes_back_as_it_went(stub):
    kinds = ("float64", "int64", "int8", "uint8", "bool", "uint32", "uint64", "float16")
    sent = {kind: np.array([0, 1, 3]).astype(kind) for kind in kinds}
    outputs = stub.Predict(request("types", **sent), timeout=20).outputs
    for kind, value in sent.items():
        received = tf.make_ndarray(outputs[f"out_{kind}"])
        assert received.dtype == value.dtype
        np.testing.assert_array_equal(received, value)


def test_a_request_without_an_optional_input_gets_its_default(stub):
    assert stub.Predict(request("optional", u=["n"]), timeout=20).outputs["text"].string_val[0] == b"n10"
    assert (
        stub.Predict(request("optional", u=["n"], k=[3]), timeout=20).outputs["text"].string_val[0] == b"n3"
    )
    code, text = failure(stub.Predict, request("optional", u=["n"], z=[3]))
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Inputs contains invalid name.")


def test_one_value_fills_the_whole_shape(stub):
    message = request(words=WORDS)
    message.inputs["x"].dtype = 1
    for size in (2, 2):
        message.inputs["x"].tensor_shape.dim.add(size=size)
    message.inputs["x"].float_val.append(5.0)
    assert list(stub.Predict(message, timeout=20).outputs["y"].float_val) == [10.0] * 4


def test_output_filter_runs_only_what_is_asked(stub):
    outputs = stub.Predict(request(filter=["count"], x=X, words=WORDS), timeout=20).outputs
    assert list(outputs) == ["count"]


def no_dtype():
    message = request(words=WORDS)
    message.inputs["x"].float_val.append(1.0)
    return message


INPUT_COUNT = (
    "input size does not match signature: 1!=2 len({words}) != len({words,x}). "
    "Sent extra: {}. Missing but required: {x}."
)


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (request(name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (request(name="nope"), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (request("nope"), "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
        (request(words=WORDS), "INVALID_ARGUMENT", INPUT_COUNT),
        (
            request(x=X, z=X),
            "INVALID_ARGUMENT",
            "Signature input alias: words(feed name: serving_default_words:0) not",
        ),
        (
            request(x=X, words=WORDS, filter=["z"]),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z",
        ),
        (
            request(x=X, words=WORDS, filter=["y", "y"]),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
        ),
        (request(x=X.astype(np.int32), words=WORDS), "INVALID_ARGUMENT", "to be float but int32 is provided"),
        (request("product", x=X), "INVALID_ARGUMENT", "Matrix size-incompatible: In[0]: [2,2], In[1]: [3,1]"),
        (no_dtype(), "INVALID_ARGUMENT", "tensor parsing error: x"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_bad_predict_gets_the_code_and_text_of_tensorflow_serving(stub, message, code, text):
    got_code, got_text = failure(stub.Predict, message)
    assert got_code == code
    assert text in got_text


def test_a_version_that_is_set_to_zero_is_version_zero(stub):
    message = request(x=X, words=WORDS)
    message.model_spec.version.value = 0
    assert failure(stub.Predict, message) == ("NOT_FOUND", "Servable not found for request: Specific(toy, 0)")
    message.model_spec.version_label = "stable"
    assert failure(stub.Predict, message) == (
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: stable",
    )


def example(**features):
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                k: tf.train.Feature(float_list=tf.train.FloatList(value=[v])) for k, v in features.items()
            }
        )
    )


def test_classify(stub):
    message = classification_pb2.ClassificationRequest()
    message.model_spec.name, message.model_spec.signature_name = "toy", "classify"
    message.input.example_list.examples.extend([example(v=0.25), example(v=1.0)])
    result = stub.Classify(message, timeout=20).result
    rows = [[(c.label, c.score) for c in row.classes] for row in result.classifications]
    assert rows == [[("yes", 0.25), ("no", 0.75)], [("yes", 1.0), ("no", 0.0)]]
    message.input.Clear()
    assert failure(stub.Classify, message) == ("INVALID_ARGUMENT", "Input is empty.")


def test_regress_merges_the_context_into_every_example(stub):
    message = regression_pb2.RegressionRequest()
    message.model_spec.name, message.model_spec.signature_name = "toy", "regress"
    message.input.example_list_with_context.context.CopyFrom(example(w=100.0))
    message.input.example_list_with_context.examples.extend([example(v=1.0), example(v=2.0)])
    result = stub.Regress(message, timeout=20).result
    assert [r.value for r in result.regressions] == [2 * 1.0 + 100, 2 * 2.0 + 100]
    message.model_spec.signature_name = "nope"
    assert failure(stub.Regress, message) == (
        "INVALID_ARGUMENT",
        "No signature was found with the name: nope",
    )


def tasks(*pairs):
    message = inference_pb2.MultiInferenceRequest()
    for signature, method in pairs:
        task = message.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "toy", signature
    message.input.example_list.examples.append(example(v=0.5))
    return message


def test_multi_inference(stub):
    results = stub.MultiInference(tasks(("classify", "classify"), ("regress", "regress")), timeout=20).results
    assert results[0].classification_result.classifications[0].classes[0].score == 0.5
    assert results[1].regression_result.regressions[0].value == 2 * 0.5
    code, text = failure(stub.MultiInference, tasks(("regress", "regress"), ("regress", "regress")))
    assert (code, text) == ("INVALID_ARGUMENT", "Duplicate evaluation of signature: regress")
    code, text = failure(stub.MultiInference, tasks(("regress", "predict")))
    assert (code, text) == ("UNIMPLEMENTED", "Unsupported signature method_name: tensorflow/serving/predict")


def test_metadata_holds_every_signature(stub):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "toy"
    response = stub.GetModelMetadata(message, timeout=20)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    assert found.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum
    assert list(found.signature_def["optional"].defaults) == ["k"]
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (7, "")
    message.metadata_field[:] = ["other"]
    assert failure(stub.GetModelMetadata, message) == (
        "INVALID_ARGUMENT",
        "Metadata field other is not supported",
    )
    del message.metadata_field[:]
    assert failure(stub.GetModelMetadata, message)[0] == "INVALID_ARGUMENT"


def test_status(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "toy"
    (status,) = stub.GetModelStatus(message, timeout=20).model_version_status
    assert (status.version, status.state, status.status.error_code) == (7, 30, 0)
    message.model_spec.version.value = 8
    assert failure(stub.GetModelStatus, message) == ("NOT_FOUND", "Could not find version 8 of model toy")
    message.model_spec.name = "nope"
    assert failure(stub.GetModelStatus, message) == ("NOT_FOUND", "Could not find any versions of model nope")


def test_a_bad_reload_changes_nothing(channel, stub):
    reload = model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest
    message = model_management_pb2.ReloadConfigRequest()
    message.config.model_config_list.config.add(
        name="other", base_path="relative", model_platform="tensorflow"
    )
    assert failure(reload, message) == (
        "INVALID_ARGUMENT",
        "Expected model other to have an absolute path or URI; got base_path()=relative",
    )
    assert (
        stub.Predict(request("product", x=[[1.0, 1.0, 1.0]]), timeout=20).outputs["y"].float_val[0] == 111.0
    )


def test_health_knows_the_names_that_tensorflow_serving_sets(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", "PredictionService", "ModelService"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status == 1
    message = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
    assert failure(stub.Check, message)[0] == "NOT_FOUND"


def test_reflection_lists_all_services(channel):
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "tensorflow.ProfilerService",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.health.v1.Health",
    }
    file = database.FindFileContainingSymbol("tensorflow.serving.PredictionService")
    assert "PredictRequest" in [message.name for message in file.message_type]


def test_a_long_message_is_cut_at_1024_bytes():
    assert truncated("é" * 512) == "é" * 512
    assert truncated("x" * 1025) == "x" * (1024 - len("...TRUNCATED")) + "...TRUNCATED"
