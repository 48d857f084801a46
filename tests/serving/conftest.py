"""Tiny SavedModels, and servers that serve them: made once for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from serving.model_server.process import RunningServer, running_server


@pytest.fixture(scope="session")
def toy_versions(tmp_path_factory) -> dict[int, Path]:
    """Folders of the toy model's versions, outside any base path."""
    from tests.serving.served_models import Toy

    root = tmp_path_factory.mktemp("toy_versions")
    return {number: Toy(number).save(root / f"toy{number}") for number in (1, 2)}


@pytest.fixture(scope="session")
def contract_path(tmp_path_factory) -> Path:
    """A base path with version 3 of the contract model."""
    from tests.serving.served_models import Contract

    base = tmp_path_factory.mktemp("recommender")
    Contract().save(base / "3")
    return base


@pytest.fixture(scope="session")
def server(tmp_path_factory, toy_versions) -> Iterator[RunningServer]:
    """Version 7 of "toy" (the folder of version 2: y = 2 x), with REST, health and no batching."""
    base = tmp_path_factory.mktemp("toy")
    (base / "7").symlink_to(toy_versions[2])
    with running_server(base, model_name="toy", flags=["--enable_grpc_healthcheck_service"]) as running:
        yield running


@pytest.fixture
def save_tokens():
    """Saves the model with text ops to a folder."""
    from tests.serving.served_models import Tokens

    return lambda path: Tokens().save(path)
