"""All models of a server: their configuration, the polling of their folders, and the version a request
means."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serving.model_server import versions
from serving.model_server.served_model import LoadPolicy, ServedModel, Version
from serving.model_server.status import StatusError, invalid_argument

log = logging.getLogger(__name__)


class ModelManager:
    """Keeps the configured models loaded.

    Args:
        policy: how versions are loaded.
        poll_wait: seconds between two looks at the folders; 0 looks once, below 0 never after the start.
        labels_before_loading: a new label may name a version that is not AVAILABLE yet.
    """

    def __init__(self, policy: LoadPolicy, *, poll_wait: float = 1.0, labels_before_loading: bool = False):
        self._policy = policy
        self._poll_wait = poll_wait
        self._labels_before_loading = labels_before_loading
        self._configs: dict[str, Any] = {}
        self._models: dict[str, ServedModel] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()  # one change of the configuration or one poll at a time
        self._stopped = threading.Event()
        self._poller = threading.Thread(target=self._poll_for_ever, name="model-folders", daemon=True)

    def start(self) -> None:
        """Begins to poll."""
        if self._poll_wait > 0:
            self._poller.start()

    def stop(self) -> None:
        """Ends polling and unloads every model after its requests in flight."""
        self._stopped.set()
        if self._poller.is_alive():
            self._poller.join()
        with self._lock:
            for model in self._models.values():
                model.close()

    # configuration

    def configure(self, config: Any) -> None:
        """Makes a ModelServerConfig the whole configuration, and waits until its models are AVAILABLE.

        Raises:
            StatusError: INVALID_ARGUMENT for a bad list, FAILED_PRECONDITION for a label of an unloaded
                version, UNKNOWN if a model cannot be loaded.
        """
        configs = checked_configs(config)
        with self._lock:
            self._check_labels(configs)
            for name in self._models.keys() - configs.keys():
                self._labels.pop(name, None)
                del self._configs[name]
                self._models.pop(name).close()
            self._configs = configs
            self._labels = {name: dict(c.version_labels) for name, c in configs.items()}
            for name in configs.keys() - self._models.keys():
                self._models[name] = ServedModel(name, self._policy)
        self._wait_available()

    def _check_labels(self, configs: dict[str, Any]) -> None:
        for name, config in configs.items():
            for label, number in config.version_labels.items():
                model = self._models.get(name)
                if model is not None and model.is_available(number):
                    continue
                if self._labels_before_loading and self._labels.get(name, {}).get(label, number) == number:
                    continue
                raise StatusError(
                    "FAILED_PRECONDITION",
                    f"Request to assign label to version {number} of model {name}, "
                    "which is not currently available for inference",
                )

    def _wait_available(self) -> None:
        while not self._stopped.is_set():
            self.poll()
            waiting = [m for m in list(self._models.values()) if not m.has_aspired()]
            if not waiting:
                break
            for model in waiting:
                log.warning(
                    "No versions of servable %s found under base path %s",
                    model.name,
                    self._configs[model.name].base_path,
                )
            self._stopped.wait(max(self._poll_wait, 0.1) if self._poll_wait > 0 else 1.0)
        models = list(self._models.values())
        while not self._stopped.is_set() and not all(model.wait_settled(0.5) for model in models):
            pass
        failed = {model.name: errors for model in models if (errors := model.errors())}
        if failed:
            raise StatusError("UNKNOWN", _failure_text(failed))

    # the folders

    def poll(self) -> None:
        """One look at every base path. If one of them is missing nothing changes, for any model."""
        with self._lock:
            found = {name: versions.list_versions(c.base_path) for name, c in self._configs.items()}
            missing = [self._configs[name].base_path for name, listed in found.items() if listed is None]
            if missing:
                log.error(
                    "FileSystemStoragePathSource encountered a filesystem access error: Could not find base "
                    "path %s",
                    missing[0],
                )
                return
            for name, listed in found.items():
                self._models[name].aspire(
                    versions.choose(listed or {}, self._configs[name].model_version_policy)
                )

    def _poll_for_ever(self) -> None:
        while not self._stopped.wait(self._poll_wait):
            try:
                self.poll()
            except Exception:
                log.exception("Polling the model folders failed; trying again.")

    # requests

    @contextmanager
    def use(self, spec: Any) -> Iterator[Version]:
        """Holds the version that a ModelSpec names for the length of one request."""
        name = spec.name
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        number = self._number(spec)
        model = self._models.get(name)
        if model is None:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise StatusError("NOT_FOUND", f"Servable not found for request: {wanted}")
        with model.use(number) as version:
            yield version

    def _number(self, spec: Any) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return int(spec.version.value)
        if choice == "version_label":
            labels = self._labels.get(spec.name, {})
            if spec.version_label not in labels:
                raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
            return labels[spec.version_label]
        return None

    def statuses(self, spec: Any) -> list[Any]:
        """The ModelVersionStatus messages of a model, or of the one version that the ModelSpec names."""
        model = self._models.get(spec.name)
        found = model.statuses() if model is not None else []
        if not found:
            raise StatusError("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        if spec.WhichOneof("version_choice") != "version":
            return found
        number = spec.version.value
        found = [status for status in found if status.version == number]
        if not found:
            raise StatusError("NOT_FOUND", f"Could not find version {number} of model {spec.name}")
        return found


def checked_configs(config: Any) -> dict[str, Any]:
    """Model name → ModelConfig of a ModelServerConfig that is a proper list.

    Raises:
        StatusError: INVALID_ARGUMENT, with TensorFlow Serving's texts.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is "
            "currently supported"
        )
    configs: dict[str, Any] = {}
    for model in config.model_config_list.config:
        if model.name in configs:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        if not (model.base_path.startswith("/") or "://" in model.base_path):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got "
                f"base_path()={model.base_path}"
            )
        if model.model_platform != "tensorflow":
            raise invalid_argument(
                f"Expected model {model.name} to have platform tensorflow; got {model.model_platform!r}"
            )
        if model.HasField("logging_config"):
            raise invalid_argument("No request-logger-creator provided.")
        configs[model.name] = model
    return configs


def _failure_text(failed: dict[str, dict[int, StatusError]]) -> str:
    lines = [
        f"{{{{{{name: {name} version: {number}}} due to error: {error}}}, }}"
        for name, errors in failed.items()
        for number, error in sorted(errors.items())
    ]
    return f"{len(lines)} servable(s) did not become available: {''.join(lines)}"
