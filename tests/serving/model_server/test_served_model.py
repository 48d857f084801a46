"""The life of versions, with servables that are no models."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from serving import wire
from serving.model_server.served_model import LoadPolicy, ServedModel
from serving.model_server.status import StatusError


@dataclass
class Loader:
    """Loads slowly or not at all, as told, and writes down what happens."""

    fail: set = field(default_factory=set)
    events: list = field(default_factory=list)
    hold: threading.Event | None = None

    def __call__(self, name, number, path):
        if self.hold is not None:
            self.hold.wait(5)
        self.events.append(("load", number))
        if number in self.fail:
            raise StatusError("INVALID_ARGUMENT", "broken")
        return Servable(number, self.events)


@dataclass
class Servable:
    number: int
    events: list
    signatures: dict[str, Any] = field(default_factory=dict)

    def close(self):
        self.events.append(("unload", self.number))


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def model(loader):
    model = ServedModel("m", LoadPolicy(loader, max_retries=1, retry_interval=0.01))
    yield model
    model.close()


def aspire(model, *numbers):
    model.aspire({number: f"/{number}" for number in numbers})
    assert model.wait_settled(5)


def states(model):
    names = {number: name for name, number in wire.State.items()}
    return [(status.version, names[status.state]) for status in model.statuses()]


def test_the_new_version_is_loaded_before_the_old_one_goes(model, loader):
    aspire(model, 1)
    aspire(model, 2)
    assert loader.events == [("load", 1), ("load", 2), ("unload", 1)]
    assert states(model) == [(2, "AVAILABLE"), (1, "END")]


def test_the_highest_of_several_comes_first(model, loader):
    aspire(model, 1, 3, 2)
    assert loader.events == [("load", 3), ("load", 2), ("load", 1)]


def test_a_failed_version_leaves_the_old_one_serving(model, loader):
    aspire(model, 1)
    loader.fail.add(2)
    aspire_failed(model, 2)
    assert loader.events == [("load", 1), ("load", 2), ("load", 2)]  # one retry
    with model.use(None) as version:
        assert version.number == 1
    (failed, _) = model.statuses()
    assert (failed.status.error_code, failed.status.error_message) == (
        wire.Code["INVALID_ARGUMENT"],
        "broken",
    )
    loader.fail.clear()
    model.aspire({2: "/2"})  # a later poll does not try it again
    time.sleep(0.05)
    assert ("unload", 1) not in loader.events
    aspire(model, 1)
    aspire(model, 2)  # wanted anew
    assert states(model) == [(2, "AVAILABLE"), (1, "END")]


def aspire_failed(model, number):
    model.aspire({number: f"/{number}"})
    deadline = time.monotonic() + 5
    while not model.errors() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(model.errors()) == [number]


def test_unloading_waits_for_the_request_in_flight(model, loader):
    aspire(model, 1)
    with model.use(1):
        model.aspire({2: "/2"})
        assert not model.wait_settled(0.2)
        assert states(model) == [(2, "AVAILABLE"), (1, "UNLOADING")]
        with pytest.raises(StatusError, match="Specific"), model.use(1):
            pass
        with model.use(None) as newest:
            assert newest.number == 2
    assert model.wait_settled(5)
    assert loader.events[-1] == ("unload", 1)


def test_nothing_wanted_unloads_everything(model, loader):
    aspire(model, 1, 2)
    aspire(model)
    assert loader.events[-2:] == [("unload", 1), ("unload", 2)]
    with (
        pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Latest\(m\)"),
        model.use(None),
    ):
        pass


def test_rollback(model):
    aspire(model, 1)
    aspire(model, 2)
    aspire(model, 1)
    assert states(model) == [(2, "END"), (1, "AVAILABLE")]


def test_a_version_wanted_no_more_before_its_turn_is_forgotten(loader):
    loader.hold = threading.Event()
    model = ServedModel("m", LoadPolicy(loader))
    model.aspire({1: "/1", 2: "/2"})  # 2 is loading, held
    time.sleep(0.05)
    model.aspire({2: "/2"})
    loader.hold.set()
    assert model.wait_settled(5)
    assert states(model) == [(2, "AVAILABLE")]
    model.close()


def test_no_request_fails_or_mixes_versions_while_versions_change(model):
    aspire(model, 1)
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            with model.use(None) as version:
                number, servable = version.number, version.servable
                time.sleep(0.001)
                if servable is None or servable.number != number or version.servable is not servable:
                    wrong.append(number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 12):
        aspire(model, number)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
