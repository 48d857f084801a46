"""TensorFlow Serving's messages, wire-compatible, without TensorFlow.

The classes live in a descriptor pool of their own, so they can be loaded beside TensorFlow's and TensorFlow
Serving's generated ones, which hold the same full names. Client and embedded server both speak through them;
numpy is not needed.
"""

from typing import Any

from google.protobuf import any_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from serving.wire.proto_text import ProtoText
from serving.wire.schema import FILES


def _build_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in (any_pb2, wrappers_pb2):
        pool.Add(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    for name, text in FILES.items():
        pool.Add(ProtoText(text).file(name))
    return pool


POOL = _build_pool()


def message(full_name: str) -> Any:
    """The message class of that full proto name. KeyError if the pool has none."""
    return GetMessageClass(POOL.FindMessageTypeByName(full_name))


def method_types(service: str) -> dict[str, tuple[Any, Any]]:
    """Method name → (request class, response class) of a service such as
    "tensorflow.serving.PredictionService"."""
    methods = POOL.FindServiceByName(service).methods
    return {m.name: (GetMessageClass(m.input_type), GetMessageClass(m.output_type)) for m in methods}


def enum_numbers(full_name: str) -> dict[str, int]:
    """Value name → number of an enum such as "tensorflow.DataType"."""
    return {value.name: value.number for value in POOL.FindEnumTypeByName(full_name).values}


PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
PROFILER_SERVICE = "tensorflow.ProfilerService"

DataType = enum_numbers("tensorflow.DataType")
Code = enum_numbers("tensorflow.error.Code")
State = enum_numbers("tensorflow.serving.ModelVersionStatus.State")

TensorProto = message("tensorflow.TensorProto")
SignatureDef = message("tensorflow.SignatureDef")
Example = message("tensorflow.Example")

ModelSpec = message("tensorflow.serving.ModelSpec")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictResponse = message("tensorflow.serving.PredictResponse")
Input = message("tensorflow.serving.Input")
ClassificationRequest = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message("tensorflow.serving.ClassificationResponse")
ClassificationResult = message("tensorflow.serving.ClassificationResult")
RegressionRequest = message("tensorflow.serving.RegressionRequest")
RegressionResponse = message("tensorflow.serving.RegressionResponse")
RegressionResult = message("tensorflow.serving.RegressionResult")
MultiInferenceRequest = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message("tensorflow.serving.MultiInferenceResponse")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")
GetModelMetadataRequest = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message("tensorflow.serving.GetModelMetadataResponse")
GetModelStatusRequest = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message("tensorflow.serving.GetModelStatusResponse")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
ModelConfig = message("tensorflow.serving.ModelConfig")
ReloadConfigRequest = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message("tensorflow.serving.ReloadConfigResponse")
PredictionLog = message("tensorflow.serving.PredictionLog")
BatchingParameters = message("tensorflow.serving.BatchingParameters")
SSLConfig = message("tensorflow.serving.SSLConfig")
MonitoringConfig = message("tensorflow.serving.MonitoringConfig")
ProfileResponse = message("tensorflow.ProfileResponse")
TerminateResponse = message("tensorflow.TerminateResponse")
XSpace = message("tensorflow.XSpace")
