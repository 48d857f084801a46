"""PredictionService and ModelService without a transport: request message in, response message or StatusError
out.

gRPC and REST both end here, so both give the same answers.
"""

import time
from typing import Any

from serving import wire
from serving.model_server import examples
from serving.model_server.manager import ModelManager
from serving.model_server.metrics import Metrics
from serving.model_server.signatures import feeds_of, find_signature, output_aliases
from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import encode

PREDICT_METHODS = ("tensorflow/serving/predict", "tensorflow/serving/classify", "tensorflow/serving/regress")


class Api:
    """The methods of both services, named as there in snake_case.

    Args:
        manager: where the models are.
        metrics: where the models' own time is kept, and what a reload reports on.
        check_method_name: refuse a signature whose method_name does not fit the call.
        as_content: answer with tensor_content instead of typed fields.
    """

    def __init__(
        self,
        manager: ModelManager,
        *,
        metrics: Metrics | None = None,
        check_method_name: bool = False,
        as_content: bool = False,
    ):
        self._manager = manager
        self._metrics = metrics or Metrics()
        self._check_method_name = check_method_name
        self._as_content = as_content

    def predict(self, request: Any) -> Any:
        _check_spec(request)
        with self._manager.use(request.model_spec) as version:
            start = time.perf_counter()
            response = self.predict_on(version.servable, request)
            self._metrics.observe_runtime(request.model_spec.name, "Predict", time.perf_counter() - start)
            self._fill_spec(response.model_spec, request.model_spec, version.number)
        return response

    def predict_on(self, servable: Any, request: Any) -> Any:
        """Predict on a given servable, whatever the request's model_spec says of name and version."""
        name, signature = find_signature(servable.signatures, request.model_spec.signature_name)
        self._check_method(signature, PREDICT_METHODS)
        feeds = feeds_of(signature, request.inputs)
        aliases = output_aliases(signature, request.output_filter)
        values = servable.run(feeds, [signature.outputs[alias].name for alias in aliases])
        response = wire.PredictResponse()
        response.model_spec.signature_name = name
        for alias, value in zip(aliases, values, strict=True):
            encode(value, response.outputs[alias], as_content=self._as_content)
        return response

    def classify(self, request: Any) -> Any:
        _check_spec(request)
        with self._manager.use(request.model_spec) as version:
            start = time.perf_counter()
            response = self.classify_on(version.servable, request)
            self._metrics.observe_runtime(request.model_spec.name, "Classify", time.perf_counter() - start)
            self._metrics.observe_examples(request.model_spec.name, examples.count(request.input))
            self._fill_spec(response.model_spec, request.model_spec, version.number)
        return response

    def classify_on(self, servable: Any, request: Any) -> Any:
        name, signature = examples.find_signature(servable.signatures, request.model_spec.signature_name)
        self._check_method(signature, ("tensorflow/serving/classify",))
        response = wire.ClassificationResponse()
        response.model_spec.signature_name = name
        response.result.CopyFrom(examples.classify(servable, signature, request.input))
        return response

    def regress(self, request: Any) -> Any:
        _check_spec(request)
        with self._manager.use(request.model_spec) as version:
            start = time.perf_counter()
            response = self.regress_on(version.servable, request)
            self._metrics.observe_runtime(request.model_spec.name, "Regress", time.perf_counter() - start)
            self._metrics.observe_examples(request.model_spec.name, examples.count(request.input))
            self._fill_spec(response.model_spec, request.model_spec, version.number)
        return response

    def regress_on(self, servable: Any, request: Any) -> Any:
        name, signature = examples.find_signature(servable.signatures, request.model_spec.signature_name)
        self._check_method(signature, ("tensorflow/serving/regress",))
        response = wire.RegressionResponse()
        response.model_spec.signature_name = name
        response.result.CopyFrom(examples.regress(servable, signature, request.input))
        return response

    def multi_inference(self, request: Any) -> Any:
        if not request.tasks:
            raise invalid_argument("Inference request must have at least one task.")
        _check_spec(request.tasks[0])
        with self._manager.use(request.tasks[0].model_spec) as version:
            response = self.multi_inference_on(version.servable, request)
            self._metrics.observe_examples(request.tasks[0].model_spec.name, examples.count(request.input))
            for task, result in zip(request.tasks, response.results, strict=True):
                self._fill_spec(result.model_spec, task.model_spec, version.number)
        return response

    def multi_inference_on(self, servable: Any, request: Any) -> Any:
        examples.check_tasks(request.tasks)
        response = wire.MultiInferenceResponse()
        for task in request.tasks:
            result = response.results.add()
            name, signature = examples.find_task_signature(servable.signatures, task)
            result.model_spec.signature_name = name
            if task.method_name == "tensorflow/serving/classify":
                result.classification_result.CopyFrom(examples.classify(servable, signature, request.input))
            else:
                result.regression_result.CopyFrom(examples.regress(servable, signature, request.input))
        return response

    def get_model_metadata(self, request: Any) -> Any:
        _check_spec(request)
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid_argument(f"Metadata field {field} is not supported")
        response = wire.GetModelMetadataResponse()
        with self._manager.use(request.model_spec) as version:
            signatures = wire.SignatureDefMap(signature_def=version.servable.signatures)
            response.metadata["signature_def"].Pack(signatures)
            response.model_spec.name = request.model_spec.name
            response.model_spec.version.value = version.number
        return response

    def get_model_status(self, request: Any) -> Any:
        _check_spec(request)
        return wire.GetModelStatusResponse(model_version_status=self._manager.statuses(request.model_spec))

    def handle_reload_config_request(self, request: Any) -> Any:
        before = {name: self._metrics.value(name) for name in request.metric_names}
        self._manager.configure(request.config)
        response = wire.ReloadConfigResponse()
        response.status.error_code = wire.Code["OK"]
        for name, value in before.items():
            response.metric.add(name=name, int64_value_increase=self._metrics.value(name) - value)
        return response

    def signature_inputs(self, spec: Any) -> dict[str, Any]:
        """Alias → TensorInfo of the signature that a REST request means."""
        with self._manager.use(spec) as version:
            name = spec.signature_name or "serving_default"
            if name not in version.servable.signatures:
                raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
            return dict(version.servable.signatures[name].inputs)

    def _check_method(self, signature: Any, allowed: tuple[str, ...]) -> None:
        if self._check_method_name and signature.method_name not in allowed:
            names = ", ".join(allowed)
            raise StatusError(
                "INTERNAL",
                f"Expected prediction signature method_name to be one of {{{names}}}. Was: "
                f"{signature.method_name}",
            )

    @staticmethod
    def _fill_spec(spec: Any, requested: Any, number: int) -> None:
        spec.name = requested.name
        spec.version.value = number


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
