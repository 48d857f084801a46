"""A catalogue whose retriever is known, for lists and the ranker that learns from them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.data.moments import Moments, held_out_moments
from tfrec.ranking.fit import build_pair_features
from tfrec.ranking.lists import TrainingLists, make_lists
from tfrec.retrieval.blend import Blend
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower

ITEMS, USERS, LENGTH, LIST = 14, 150, 4, 6  # more moments than a batch of `make_lists`


@pytest.fixture(scope="package")
def full() -> Histories:
    rng = np.random.default_rng(0)
    items = [rng.permutation(ITEMS)[: rng.integers(1, 9)] for _ in range(USERS)]
    flat = np.concatenate(items).astype(np.int32)
    return Histories(flat, np.cumsum([0, *map(len, items)]), np.zeros(len(flat)))


@pytest.fixture(scope="package")
def content() -> ItemContent:
    """Of each item a language vector of 3 numbers, another vector of 1, one of two categories."""
    rng = np.random.default_rng(1)
    table = np.concatenate([np.zeros((1, 4)), rng.normal(size=(ITEMS, 4))]).astype(np.float32)
    table = np.insert(table, 3, np.arange(ITEMS + 1) > 0, axis=1)
    category = np.r_[0, 1 + np.arange(ITEMS) % 2][:, None].astype(np.int32)
    return ItemContent(
        ContentSpec(3, {}, {"image": (1, 1.0)}, ("kind",), ("kind=a", "kind=b")), table, category
    )


@pytest.fixture(scope="package")
def retriever(full) -> Retriever:
    keras.utils.set_random_seed(0)  # else the weights hang on which tests came before
    tower = CandidateTower(ITEMS + 1, 8)
    blend = Blend(ITEMS + 1, lexical_dim=3, neighbours=2)
    model = TwoTower(tower, QueryTower(LENGTH, blocks=1), blend=blend)
    rng = np.random.default_rng(2)
    blend.content.assign(np.abs(rng.normal(size=(ITEMS + 1, 3))))
    blend.set_neighbours(*neighbours(full, ITEMS, 2))
    blend.set_gains([1.0, 0.5, 0.5], [1.0, 0.5, 0.0])
    model.set_counts(np.r_[0, full.counts(ITEMS)])
    tower.id_embedding.assign(tf.random.stateless_normal([ITEMS + 1, 8], [0, 1]))
    return Retriever(model)


@pytest.fixture(scope="package")
def features(full, content, retriever):
    return build_pair_features(full, content, retriever, neighbours_kept=3)


@pytest.fixture(scope="package")
def moments(full) -> Moments:
    return held_out_moments(full, 1000, seed=0)


@pytest.fixture(scope="package")
def lists(retriever, features, full, moments) -> TrainingLists:
    return make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH)
