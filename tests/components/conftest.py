"""A small shop whose customers buy either tea or tools, and the pipeline that was run on it once."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from components.pipeline import run_pipeline

USERS, ITEMS, BOUGHT = 12, 16, 6
SMALL = {
    "deterministic": False,
    "text": {"encoder": "none"},
    "retrieval": {"dim": 8, "length": 4, "blocks": 1, "heads": 1, "epochs": 1, "catch_up_epochs": 0},
    "ranking": {"candidates": 10, "neighbours": 5, "epochs": 1},
    "reranking": {"slate_model": False},
    "export": {"k": 5, "retrieve_k": 8},
}


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    """A dataset folder; an even user buys even items. Times repeat, one is missing, and one item has no row."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    items = pd.DataFrame(
        {
            "item_id": [f"i{number}" for number in range(ITEMS - 1)],
            "title": [f"{'tool' if number % 2 else 'tea'} number {number}" for number in range(ITEMS - 1)],
            "category": ["tools" if number % 2 else "tea" for number in range(ITEMS - 1)],
            "price": [number + 0.5 if number else None for number in range(ITEMS - 1)],
        }
    )
    rows = [
        (f"u{user}", f"i{item}", 100 + user + 10 * (place // 2), place % 5 + 1)
        for user in range(USERS)
        for place, item in enumerate(rng.permutation(np.arange(user % 2, ITEMS, 2))[:BOUGHT])
    ]
    bought = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "rating"])
    items.to_parquet(folder / "items.parquet")
    bought.sample(frac=1.0, random_state=0).to_parquet(folder / "interactions.parquet")
    return folder


def config_file(folder: Path, shop: Path, **changes) -> Path:
    """A CONFIG.yaml for the shop."""
    values = {
        "name": "shop",
        "dataset": str(shop),
        "out": str(folder / "out"),
        "settings": SMALL,
        "thresholds": [{"stage": "ranking", "metric": "recall@20", "at_least": 0.0}],
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**values, **changes}))
    return path


@pytest.fixture(scope="session")
def config(tmp_path_factory, shop) -> Path:
    return config_file(tmp_path_factory.mktemp("pipeline"), shop)


@pytest.fixture(scope="session", autouse=True)
def same_code():
    """The code of a test run is one version, whatever is being edited meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("components.runner.code_fingerprint", lambda *packages: "code")
        yield


@pytest.fixture(scope="session")
def results(config, same_code):
    """What became of each step when the pipeline was run for the first time."""
    return run_pipeline(config)
