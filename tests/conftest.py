"""One tiny world for the whole run: trained once, exported once, served once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from serving.client import Client
from serving.model_server.process import running_server

if TYPE_CHECKING:  # a test that needs none of these does not wait for TensorFlow
    from serving.model_server.saved_model import SavedModel
    from tfrec.data.dataset import Dataset
    from tfrec.funnel import Funnel
    from tfrec.run import Run

BATCHING = """
max_batch_size { value: 16 }
batch_timeout_micros { value: 20000 }
num_batch_threads { value: 1 }
pad_variable_length_inputs: true
"""


LONGEST = (
    "notebooks/test_quickstart.py",
    "tfrec/test_reading.py",
    "test_user_side.py",
    "tfrec/test_worth.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first: of two processes none is left with one of them when the other has finished."""
    longest = {Path(__file__).parent / name for name in LONGEST}
    items.sort(key=lambda item: item.path not in longest)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the vector cache of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFREC_CACHE", str(tmp_path_factory.mktemp("vector_cache")))
        yield


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_world import tiny_encoder

    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def world() -> "Dataset":
    from tests.tiny_world import tiny_dataset

    return tiny_dataset()


@pytest.fixture(scope="session")
def world_run(world: "Dataset", tiny_encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    from tests.tiny_world import tiny_config
    from tfrec.training import train

    return train(world, tiny_config(tiny_encoder_folder), tmp_path_factory.mktemp("world") / "run")


@pytest.fixture(scope="session")
def world_funnel(world_run: "Run") -> "Funnel":
    from tfrec.funnel import Funnel

    return Funnel.from_run(world_run)


@pytest.fixture(scope="session")
def world_models(world_run: "Run", world_funnel: "Funnel", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base path of the exported model: one numeric folder."""
    from tfrec.export import export_run

    with (
        pytest.MonkeyPatch.context() as patch
    ):  # the funnel that is loaded already: to trace another takes seconds
        patch.setattr(type(world_funnel), "from_run", classmethod(lambda cls, run, **_: world_funnel))
        return export_run(world_run, tmp_path_factory.mktemp("models") / "recommender").parent


@pytest.fixture(scope="session")
def world_saved_model(world_models: Path) -> Iterator["SavedModel"]:
    """The exported model on the way that TensorFlow Serving takes: compat.v1 loader, session, callable."""
    from serving.model_server.saved_model import SavedModel

    (version,) = world_models.iterdir()
    model = SavedModel(str(version))
    yield model
    model.close()


@pytest.fixture(scope="session")
def world_client(world_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the exported model on a server that merges requests."""
    parameters = tmp_path_factory.mktemp("flags") / "batching.txt"
    parameters.write_text(BATCHING)
    flags = ["--enable_batching", f"--batching_parameters_file={parameters}"]
    with (
        running_server(world_models, rest=False, flags=flags) as server,
        Client(server.grpc_address) as client,
    ):
        yield client
