"""The own messages against the published ones, with both loaded in one process."""

import pytest
from google.protobuf.descriptor import FieldDescriptor
from tensorflow.core.example import example_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2,
    regression_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from serving import wire

PUBLISHED = [
    predict_pb2.PredictRequest,
    predict_pb2.PredictResponse,
    classification_pb2.ClassificationRequest,
    classification_pb2.ClassificationResponse,
    regression_pb2.RegressionRequest,
    regression_pb2.RegressionResponse,
    inference_pb2.MultiInferenceRequest,
    inference_pb2.MultiInferenceResponse,
    get_model_metadata_pb2.GetModelMetadataRequest,
    get_model_metadata_pb2.GetModelMetadataResponse,
    get_model_metadata_pb2.SignatureDefMap,
    get_model_status_pb2.GetModelStatusRequest,
    get_model_status_pb2.GetModelStatusResponse,
    model_management_pb2.ReloadConfigRequest,
    model_management_pb2.ReloadConfigResponse,
    model_server_config_pb2.ModelServerConfig,
    prediction_log_pb2.PredictionLog,
    meta_graph_pb2.SignatureDef,
    example_pb2.Example,
]


def check_agrees(own, published, seen):
    """Every field that we declare exists there with the same number, type and label, and so on down the
    tree."""
    if own.full_name in seen:
        return
    seen.add(own.full_name)
    for field in own.fields:
        other = published.fields_by_name[field.name]
        kinds = [(f.number, f.type, f.is_repeated, f.has_presence) for f in (field, other)]
        assert kinds[0] == kinds[1], field.full_name
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            assert field.message_type.full_name == other.message_type.full_name
            check_agrees(field.message_type, other.message_type, seen)
        if field.type == FieldDescriptor.TYPE_ENUM:
            check_enum(field.enum_type, other.enum_type)


def check_enum(own, published):
    assert own.full_name == published.full_name
    assert {v.name: v.number for v in own.values}.items() <= {
        v.name: v.number for v in published.values
    }.items()


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda kind: kind.DESCRIPTOR.name)
def test_every_field_is_the_published_one(published):
    seen = set()
    check_agrees(wire.message(published.DESCRIPTOR.full_name).DESCRIPTOR, published.DESCRIPTOR, seen)
    assert seen


@pytest.mark.parametrize(
    ("module", "name"), [(prediction_service_pb2, "PredictionService"), (model_service_pb2, "ModelService")]
)
def test_the_services_have_the_published_methods(module, name):
    published = module.DESCRIPTOR.services_by_name[name]
    own = wire.POOL.FindServiceByName(published.full_name)
    assert [(m.name, m.input_type.full_name, m.output_type.full_name) for m in own.methods] == [
        (m.name, m.input_type.full_name, m.output_type.full_name) for m in published.methods
    ]


def test_bytes_go_both_ways():
    theirs = predict_pb2.PredictRequest(output_filter=["a"], client_id=b"me")
    theirs.model_spec.name = "m"
    theirs.model_spec.version.value = 3
    theirs.inputs["x"].float_val.extend([1.0, 2.5])
    theirs.inputs["x"].tensor_shape.dim.add(size=2)
    own = wire.PredictRequest.FromString(theirs.SerializeToString())
    assert own.model_spec.version.value == 3
    assert list(own.inputs["x"].float_val) == [1.0, 2.5]
    assert predict_pb2.PredictRequest.FromString(own.SerializeToString()) == theirs


def test_a_field_that_is_not_declared_here_survives():
    theirs = predict_pb2.PredictRequest()
    theirs.request_options.max_cache_length = 5
    own = wire.PredictRequest.FromString(theirs.SerializeToString())
    assert predict_pb2.PredictRequest.FromString(own.SerializeToString()) == theirs
