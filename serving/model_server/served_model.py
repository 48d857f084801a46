"""One model's versions from START to END: loading before unloading, and no unloading under a running request.

The rule is TensorFlow Serving's AvailabilityPreservingPolicy, one action at a time: the highest new version
is loaded before a version that is no longer wanted goes away; if the new one fails, the old one keeps
serving.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving import wire
from serving.model_server.status import StatusError

log = logging.getLogger(__name__)


class Servable(Protocol):
    """What a loaded version must offer here."""

    signatures: dict[str, Any]

    def close(self) -> None: ...


@dataclass(eq=False)
class Version:
    """One numeric folder and how far it is."""

    number: int
    path: str
    state: str = "START"
    error: StatusError | None = None
    servable: Any = None
    in_flight: int = 0


@dataclass(frozen=True)
class LoadPolicy:
    """How loading is done: `load` makes a servable of (model name, version number, folder)."""

    load: Callable[[str, int, str], Any]
    max_retries: int = 5
    retry_interval: float = 60.0  # seconds


@dataclass(eq=False)
class ServedModel:
    """All versions of one model and the thread that moves them.

    Args:
        name: the name clients ask for.
        policy: how a version is loaded.
    """

    name: str
    policy: LoadPolicy
    versions: dict[int, Version] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._aspired: dict[int, str] = {}
        self._closed = False
        self._worker = threading.Thread(target=self._work, name=f"versions-of-{self.name}", daemon=True)
        self._worker.start()

    # what ought to be loaded

    def aspire(self, versions: Mapping[int, str]) -> None:
        """From now on these versions ought to be loaded, and no others. Returns at once."""
        with self._changed:
            for number in versions.keys() - self._aspired.keys():
                known = self.versions.get(number)
                if known is None or known.state == "END":
                    self.versions[number] = Version(number, versions[number])
            self._aspired = dict(versions)
            self._changed.notify_all()

    def wait_settled(self, timeout: float | None = None) -> bool:
        """Waits until each aspired version is AVAILABLE or failed, and each other one unloaded. False at the
        timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._is_settled(), timeout)

    def _is_settled(self) -> bool:
        wanted = all(self.versions[number].state in ("AVAILABLE", "END") for number in self._aspired)
        return wanted and all(v.state == "END" for n, v in self.versions.items() if n not in self._aspired)

    def errors(self) -> dict[int, StatusError]:
        """The aspired versions that failed to load."""
        with self._changed:
            return {
                n: v.error
                for n in self._aspired
                if (v := self.versions[n]).state == "END" and v.error is not None
            }

    def has_aspired(self) -> bool:
        with self._changed:
            return bool(self._aspired)

    def close(self) -> None:
        """Unloads everything, after the requests in flight, and ends the thread."""
        self.aspire({})
        self.wait_settled()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._worker.join()

    # what requests see

    @contextmanager
    def use(self, number: int | None) -> Iterator[Version]:
        """Holds a version for one request; None means the highest AVAILABLE one.

        Raises:
            StatusError: NOT_FOUND, there is no such version to serve.
        """
        with self._changed:
            version = self._find(number)
            version.in_flight += 1
        try:
            yield version
        finally:
            with self._changed:
                version.in_flight -= 1
                if version.state == "UNLOADING" and not version.in_flight:
                    self._changed.notify_all()

    def _find(self, number: int | None) -> Version:
        available = self._available()
        if number is None and available:
            return self.versions[max(available)]
        if number is not None and number in available:
            return self.versions[number]
        wanted = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
        raise StatusError("NOT_FOUND", f"Servable not found for request: {wanted}")

    def _available(self) -> list[int]:
        return [number for number, version in self.versions.items() if version.state == "AVAILABLE"]

    def is_available(self, number: int) -> bool:
        with self._changed:
            return number in self._available()

    def statuses(self) -> list[Any]:
        """A ModelVersionStatus of each version that was ever seen, the newest first."""
        with self._changed:
            return [_status(self.versions[number]) for number in sorted(self.versions, reverse=True)]

    # moving the versions

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next_action() is not None)
                action = self._next_action()
                if action is None:
                    return
                step, version = action
                version.state = "LOADING" if step == "load" else "UNLOADING"
                self._changed.notify_all()
            if step == "load":
                self._load(version)
            else:
                self._unload(version)

    def _next_action(self) -> tuple[str, Version] | None:
        ready = self._available()
        unwanted = [number for number in ready if number not in self._aspired]
        if unwanted and (not self._aspired or len(unwanted) < len(ready) or len(unwanted) > 1):
            return "unload", self.versions[min(unwanted)]
        new = [n for n in self._aspired if self.versions[n].state == "START"]
        if new:
            return "load", self.versions[max(new)]
        self._forget_never_loaded()
        return None

    def _forget_never_loaded(self) -> None:
        for number in [n for n, v in self.versions.items() if v.state == "START" and n not in self._aspired]:
            del self.versions[number]

    def _load(self, version: Version) -> None:
        servable, error = None, None
        for attempt in range(1 + self.policy.max_retries):
            try:
                servable, error = self.policy.load(self.name, version.number, version.path), None
                break
            except Exception as failure:
                error = failure if isinstance(failure, StatusError) else StatusError("UNKNOWN", repr(failure))
                log.error(
                    "Loading {name: %s version: %d} failed (attempt %d): %s",
                    self.name,
                    version.number,
                    attempt + 1,
                    error,
                )
            if attempt < self.policy.max_retries and not self._sleep_before_retry(version):
                break
        with self._changed:
            version.servable, version.error = servable, error
            version.state = "AVAILABLE" if error is None else "END"
            self._changed.notify_all()
        if error is None:
            log.info("Successfully loaded servable version {name: %s version: %d}", self.name, version.number)

    def _sleep_before_retry(self, version: Version) -> bool:
        """False if the version is no longer wanted."""
        with self._changed:
            return not self._changed.wait_for(
                lambda: self._closed or version.number not in self._aspired, self.policy.retry_interval
            )

    def _unload(self, version: Version) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not version.in_flight)
        version.servable.close()
        with self._changed:
            version.servable, version.state = None, "END"
            self._changed.notify_all()
        log.info("Done unloading servable version {name: %s version: %d}", self.name, version.number)


def _status(version: Version) -> Any:
    status = _STATUS(version=version.number, state=wire.State[version.state])
    status.status.error_code = wire.Code[version.error.code if version.error else "OK"]
    status.status.error_message = version.error.message if version.error else ""
    return status


_STATUS = wire.message("tensorflow.serving.ModelVersionStatus")
