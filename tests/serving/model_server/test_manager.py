"""Configuration, labels, failures: the manager with servables that are no models."""

import threading

import pytest
from google.protobuf import text_format

from serving import wire
from serving.model_server.manager import ModelManager
from serving.model_server.served_model import LoadPolicy
from serving.model_server.status import StatusError


class Servable:
    signatures: dict = {}  # noqa: RUF012

    def close(self):
        pass


def load(name, number, path):
    if name == "broken":
        raise StatusError("DATA_LOSS", "torn")
    return Servable()


@pytest.fixture
def make():
    made = []

    def manager(**options):
        made.append(ModelManager(LoadPolicy(load, max_retries=0), poll_wait=0.05, **options))
        return made[-1]

    yield manager
    for each in made:
        each.stop()


@pytest.fixture
def base(tmp_path):
    for name in ("m", "other", "broken"):
        for number in ("1", "2"):
            (tmp_path / name / number).mkdir(parents=True)
    return tmp_path


def config(base, *models):
    text = "".join(f'config {{ base_path: "{base}/{name}" name: "{name}" {more} }}' for name, more in models)
    message = text_format.Parse(
        f"model_config_list {{ {text} }}", wire.ModelServerConfig(), descriptor_pool=wire.POOL
    )
    for model in message.model_config_list.config:
        model.model_platform = model.model_platform or "tensorflow"
    return message


def served(manager, name, **choice):
    spec = wire.ModelSpec(name=name)
    if "version" in choice:
        spec.version.value = choice["version"]
    if "label" in choice:
        spec.version_label = choice["label"]
    with manager.use(spec) as version:
        return version.number


ALL = "model_version_policy { all {} }"
STABLE = 'version_labels { key: "stable" value: %d }'


def test_the_list_replaces_the_list(make, base):
    manager = make()
    manager.configure(config(base, ("m", "")))
    assert served(manager, "m") == 2
    manager.configure(config(base, ("other", ALL)))
    assert (served(manager, "other"), served(manager, "other", version=1)) == (2, 1)
    with pytest.raises(StatusError, match=r"Latest\(m\)"):
        served(manager, "m")


def test_another_policy_of_the_same_model(make, base):
    manager = make()
    manager.configure(config(base, ("m", "")))
    manager.configure(config(base, ("m", "model_version_policy { specific { versions: 1 } }")))
    assert served(manager, "m") == 1


def test_labels(make, base):
    manager = make()
    manager.configure(config(base, ("m", ALL)))
    manager.configure(config(base, ("m", ALL + STABLE % 1)))
    assert served(manager, "m", label="stable") == 1
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: Unrecognized servable version label: canary"):
        served(manager, "m", label="canary")
    with pytest.raises(
        StatusError, match="FAILED_PRECONDITION: Request to assign label to version 7 of model m"
    ):
        manager.configure(config(base, ("m", ALL + STABLE % 7)))
    assert served(manager, "m", label="stable") == 1


def test_a_label_in_the_first_configuration(make, base):
    with pytest.raises(StatusError, match="not currently available for inference"):
        make().configure(config(base, ("m", STABLE % 2)))
    lenient = make(labels_before_loading=True)
    lenient.configure(config(base, ("m", STABLE % 2)))
    assert served(lenient, "m", label="stable") == 2
    with pytest.raises(StatusError, match="version 7"):  # moving it to what is not loaded still fails
        lenient.configure(config(base, ("m", STABLE % 7)))


def test_a_model_that_cannot_be_loaded(make, base):
    manager = make()
    with pytest.raises(StatusError) as caught:
        manager.configure(config(base, ("m", ""), ("broken", "")))
    assert str(caught.value) == (
        "UNKNOWN: 1 servable(s) did not become available: "
        "{{{name: broken version: 2} due to error: DATA_LOSS: torn}, }"
    )
    assert served(manager, "m") == 2


def test_it_waits_for_a_first_version(make, base):
    manager = make()
    waiting = threading.Thread(target=manager.configure, args=[config(base, ("late", ""))])
    (base / "late").mkdir()
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    (base / "late" / "4").mkdir()
    waiting.join(5)
    assert served(manager, "late") == 4


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ([("m", ""), ("m", "")], "Illegal to list model m multiple times in config list"),
        ([("m", 'model_platform: "caffe"')], "platform"),
        ([("m", "logging_config {}")], "No request-logger-creator provided."),
    ],
)
def test_bad_lists(make, base, models, text):
    with pytest.raises(StatusError, match="INVALID_ARGUMENT") as caught:
        make().configure(config(base, *models))
    assert text in caught.value.message


def test_only_a_list_is_a_configuration(make):
    with pytest.raises(StatusError, match="Only ModelConfigList is currently supported"):
        make().configure(wire.ModelServerConfig())
