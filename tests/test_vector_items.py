"""Items of which nothing is known but a vector, such as an image embedding: new ones are found by it."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tiny_world import RING, STEPS, TASTES, USERS, item, tiny_config, user, walk
from tfrec.data.dataset import make_dataset
from tfrec.data.histories import Histories, histories
from tfrec.data.item_content import learn_content
from tfrec.retrieval.fit import fit_retrieval
from tfrec.retrieval.retriever import Retriever
from tfrec.schema import Role

COLD = [f"{taste}-cold" for taste in TASTES]
BLANK = "blank"  # an item without interactions and without a vector
SCALE, WIDTH = 40.0, 6  # vectors come as their maker left them


def images(ids: list[str]) -> list[list[float] | None]:
    """The first number says which taste it is, the others are noise."""
    noise = np.random.default_rng(0).normal(scale=0.3, size=(len(ids), WIDTH))
    side = [1.0 if id_.startswith(TASTES[0]) else -1.0 for id_ in ids]
    rows = SCALE * (noise + np.outer(side, np.eye(WIDTH)[0]))
    return [None if id_ == BLANK else row.tolist() for id_, row in zip(ids, rows, strict=True)]


@pytest.fixture(scope="module")
def dataset():
    ids = [*(item(taste, place) for taste in TASTES for place in range(RING)), *COLD, BLANK]
    rows = [(user(n), id_, step) for n in range(USERS) for step, id_ in enumerate(walk(n))]
    return make_dataset(
        pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]),
        pd.DataFrame({"item_id": ids, "image": images(ids)}),
        roles={"image": Role.VECTOR},
    )


@pytest.fixture(scope="module")
def scores(dataset) -> dict[str, pd.DataFrame]:
    """Taste → scores `[users of that taste, items]`, for the history of each user."""
    h: Histories = histories(dataset)
    config = tiny_config("none", "retrieval.id_dropout=0.3").retrieval
    model, _ = fit_retrieval(h, learn_content(dataset, None), config, seed=0, epochs=8)
    found = Retriever(model).scores(tf.constant(h.tail_rows(STEPS)), tf.zeros([len(h)], tf.int32)).numpy()
    table = pd.DataFrame(found[:, 1:], dataset.user_ids, dataset.item_ids)
    return {taste: table.loc[[user(n) for n in range(i, USERS, 2)]] for i, taste in enumerate(TASTES)}


def test_a_new_item_is_found_by_its_vector(scores):
    """Those who like its taste have it before what is of the other taste, warm items too."""
    for (mine, other), (cold, stranger) in zip((TASTES, TASTES[::-1]), (COLD, COLD[::-1]), strict=True):
        table = scores[mine]
        assert (table[cold] > table[stranger]).all()
        others = table[[item(other, place) for place in range(RING)]]
        assert (table[cold].to_numpy() > np.median(others, axis=1)).mean() >= 0.9
        assert (table[[cold]].to_numpy() > others.to_numpy()).mean() >= 0.85


def test_an_item_without_a_vector_is_neither_here_nor_there(scores):
    for taste, cold, stranger in zip(TASTES, COLD, COLD[::-1], strict=True):
        table = scores[taste]
        assert np.isfinite(table[BLANK]).all()
        assert (table[BLANK] < table[cold]).mean() >= 0.9
        assert (table[BLANK] > table[stranger]).mean() >= 0.9
