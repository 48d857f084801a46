"""Validation during training gives the figure that evaluation gives afterwards."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.data.histories import Histories
from tfrec.data.splits import Targets
from tfrec.evaluation.metrics import ndcg_at_k
from tfrec.evaluation.protocol import rank_targets
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.two_tower import TwoTower
from tfrec.retrieval.validation import FullCatalogueNdcg

ITEMS, USERS, LENGTH = 40, 300, 4  # more users than a batch of the callback


@pytest.fixture(scope="module")
def histories() -> Histories:
    """Some users without any history."""
    rng = np.random.default_rng(0)
    items = [rng.permutation(ITEMS)[: rng.integers(0, 9)] for _ in range(USERS)]
    flat = np.concatenate(items).astype(np.int32)
    return Histories(flat, np.cumsum([0, *map(len, items)]), np.zeros(len(flat)))


@pytest.fixture(scope="module")
def targets(histories) -> Targets:
    rng = np.random.default_rng(1)
    user = np.flatnonzero(rng.random(USERS) < 0.95)
    item = [rng.choice(np.setdiff1d(np.arange(ITEMS), histories.of(u))) for u in user]
    return Targets(user.astype(np.int32), np.array(item, np.int32))


@pytest.fixture(scope="module")
def model(histories) -> TwoTower:
    tower = CandidateTower(ITEMS + 1, 8)
    model = TwoTower(tower, QueryTower(LENGTH, blocks=1))
    model.set_counts(np.r_[0, histories.counts(ITEMS)])
    vectors = tf.random.stateless_normal([ITEMS + 1, 8], [0, 1]).numpy()
    vectors[20:24] = vectors[19]  # equal vectors are ties, which count against the model
    tower.id_embedding.assign(vectors)
    return model


def protocol_ndcg(model: TwoTower, histories: Histories, targets: Targets, seen: Histories) -> float:
    def score(users: np.ndarray) -> np.ndarray:
        queries = model.query_vectors(histories.tail_rows(LENGTH)[users]).numpy()
        return (queries @ model.item_vectors().numpy().T)[:, 1:]

    return float(ndcg_at_k(rank_targets(score, targets, seen).rank, 10).mean())


def validation(model: TwoTower, *arguments, **options) -> FullCatalogueNdcg:
    callback = FullCatalogueNdcg(*arguments, **options)
    callback.set_model(model)
    return callback


def test_it_is_the_ndcg_of_the_protocol(model, histories, targets):
    found = validation(model, histories, targets, LENGTH).ndcg()
    assert 0 < found < 1
    np.testing.assert_allclose(found, protocol_ndcg(model, histories, targets, histories), rtol=1e-5)


def test_more_may_be_masked_than_is_read(model, histories, targets):
    read = histories.head(histories.lengths // 2)
    found = validation(model, read, targets, LENGTH, seen=histories).ndcg()
    np.testing.assert_allclose(found, protocol_ndcg(model, read, targets, histories), rtol=1e-5)
    assert found != validation(model, read, targets, LENGTH).ndcg()


def test_it_is_in_the_logs_of_each_epoch(model, histories, targets):
    callback, logs = validation(model, histories, targets, LENGTH), {"loss": 1.0}
    callback.on_epoch_end(0, logs)
    assert logs == {"loss": 1.0, "val_ndcg@10": callback.ndcg()}


def test_nobody_has_a_history(model):
    nothing = Histories(np.zeros(0, np.int32), np.zeros(3, np.int64), np.zeros(0))
    targets = Targets(np.array([0, 1], np.int32), np.array([3, 3], np.int32))
    found = validation(model, nothing, targets, LENGTH).ndcg()
    np.testing.assert_allclose(found, protocol_ndcg(model, nothing, targets, nothing), rtol=1e-5)
