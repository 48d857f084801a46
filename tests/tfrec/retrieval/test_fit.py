"""Training of the recall stage on a ring: after item p comes item p + 1."""

import keras
import numpy as np
import pytest

from tfrec.config import RetrievalConfig
from tfrec.data.histories import Histories
from tfrec.data.item_content import ContentSpec, ItemContent
from tfrec.data.splits import Targets
from tfrec.retrieval.fit import MONITOR, build_two_tower, catch_up, fit_retrieval, most_epochs, remember
from tfrec.retrieval.validation import FullCatalogueNdcg

RING, NEW = 12, 12  # positions 0 to 11 are the ring; nobody has met position 12
USERS, STEPS = 36, 5


def ring_histories(steps: int = STEPS) -> Histories:
    items = (np.arange(USERS)[:, None] + np.arange(steps)) % RING
    times = np.tile(np.arange(steps, dtype=float), USERS)
    return Histories(items.ravel().astype(np.int32), np.arange(USERS + 1) * steps, times)


def ring_content() -> ItemContent:
    """Each item's content is which it is, in two categories."""
    table = np.concatenate([np.zeros((1, RING + 1)), np.eye(RING + 1)]).astype(np.float32)
    category = np.r_[0, 1 + np.arange(RING + 1) % 2][:, None].astype(np.int32)
    return ItemContent(
        ContentSpec(RING + 1, {}, {}, ("parity",), ("parity=even", "parity=odd")), table, category
    )


def config(**options) -> RetrievalConfig:
    small = {"dim": 8, "length": 4, "blocks": 1, "dropout": 0.0, "learning_rate": 0.02, "batch_events": 32}
    return RetrievalConfig(**{**small, "epochs": 30, "patience": 2, **options})


class Watch(keras.callbacks.Callback):
    """Remembers what each epoch measured."""

    def __init__(self) -> None:
        super().__init__()
        self.ndcg: list[float] = []

    def on_epoch_end(self, epoch, logs=None):
        self.ndcg.append(logs[MONITOR])


@pytest.fixture(scope="module")
def trained():
    histories = ring_histories()
    targets = Targets(np.arange(USERS, dtype=np.int32), ((np.arange(USERS) + STEPS) % RING).astype(np.int32))
    watch = Watch()
    model, epochs = fit_retrieval(
        histories, ring_content(), config(), seed=0, valid=targets, callbacks=[watch]
    )
    return model, epochs, watch.ndcg, FullCatalogueNdcg(histories, targets, 4)


def test_it_learns_the_ring(trained):
    *_, ndcg, _ = trained
    assert max(ndcg) > 0.9
    assert ndcg[0] < max(ndcg)


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "mixed_float16"},
        {"precision": "mixed_bfloat16", "user_id": True},
        {"schedule": "cosine", "warmup_steps": 20, "steps": 150},
        {"warmup_steps": 20, "weight_decay": 0.01},
        {"negatives": 2, "hard_negatives": 3},
        {"negatives": 2, "frequency": "streaming"},
    ],
    ids=str,
)
def test_every_way_of_training_learns_the_ring(options):
    histories = ring_histories()
    last = Targets(np.arange(USERS), histories.item[histories.start[1:] - 1])
    earlier = histories.head(histories.lengths - 1)
    model, _ = fit_retrieval(earlier, ring_content(), config(**options), seed=0, valid=last)
    validation = FullCatalogueNdcg(earlier, last, 4)
    validation.set_model(model)
    assert validation.ndcg() > 0.8
    assert model.item_vectors().dtype == model.query_vectors(earlier.tail_rows(4)).dtype == "float32"


def test_the_learning_rate_rises_and_falls():
    options = config(schedule="cosine", warmup_steps=4, epochs=5, steps=1000, learning_rate=0.02)
    model = build_two_tower(ring_histories(), ring_content(), options)
    schedule = model.optimizer._learning_rate  # 180 events in batches of 32: 6 steps an epoch, 30 in all
    rates = [float(schedule(step)) for step in (0, 2, 4, 17, 30)]
    np.testing.assert_allclose(rates, [0, 0.01, 0.02, 0.01, 0], atol=1e-6)


def test_it_stops_where_validation_is_best_and_keeps_those_weights(trained):
    model, epochs, ndcg, validation = trained
    assert epochs == 1 + int(np.argmax(ndcg))
    assert len(ndcg) in (30, epochs + 2)  # all epochs, or two more than the best: the patience
    validation.set_model(model)
    np.testing.assert_allclose(validation.ndcg(), max(ndcg), rtol=1e-5)


def test_what_is_built_fits_the_catalogue():
    content, histories = ring_content(), ring_histories()
    model = build_two_tower(histories, content, config(user_id=True, negatives=7, temperature=0.5))
    tower = model.candidate
    assert (tower.items, tower.dim, tower.categories, tower.slots) == (RING + 2, 8, 3, 1)
    assert (model.query.user.rows, model.negatives, model.temperature) == (USERS + 1, 7, 0.5)
    np.testing.assert_array_equal(tower.content, content.table)
    np.testing.assert_array_equal(tower.category, content.category)
    np.testing.assert_array_equal(tower.warm, [0, *[1] * RING, 0])
    assert build_two_tower(histories, content, config()).query.user is None


def test_the_settings_say_how_few_shared_users_count_half():
    histories, content = ring_histories(), ring_content()
    plain, shrunken = (
        build_two_tower(histories, content, config(neighbours=3, shrinkage=shrinkage))
        for shrinkage in (0.0, 4.0)
    )
    for model in (plain, shrunken):
        remember(model, histories)
    share = histories.matrix(RING)
    together = (share.T @ share).toarray()
    near = plain.blend.neighbour.numpy()
    np.testing.assert_array_equal(near[:, 0], shrunken.blend.neighbour.numpy()[:, 0])
    count = together[np.arange(RING), near[1 : RING + 1, 0] - 1]
    np.testing.assert_allclose(
        shrunken.blend.cosine.numpy()[1 : RING + 1, 0],
        plain.blend.cosine.numpy()[1 : RING + 1, 0] * count / (count + 4),
        rtol=1e-6,
    )


def test_catching_up_learns_what_is_new(trained):
    """Everybody takes the new item next: it gets an id part, and the queries turn towards it."""
    model = trained[0]
    h = ring_histories()
    longer = Histories(
        np.insert(h.item, h.start[1:], NEW).astype(np.int32), np.arange(USERS + 1) * (STEPS + 1),
        np.insert(h.time, h.start[1:], 9.0),
    )  # fmt: skip

    def score_of_new() -> float:
        rows = h.tail_rows(4)
        scores = model.query_vectors(rows).numpy() @ model.item_vectors().numpy().T
        return float((scores[:, NEW + 1] - scores.mean(1)).mean())

    before = score_of_new()
    catch_up(model, longer, config(catch_up_epochs=4), seed=0)
    np.testing.assert_array_equal(model.candidate.warm, [0, *[1] * (RING + 1)])
    np.testing.assert_allclose(model.frequency, np.r_[0, longer.counts(RING + 1)] / len(longer.item))
    assert score_of_new() > before + 1


def test_the_number_of_steps_limits_the_epochs():
    """180 events in batches of 30 are 6 steps an epoch."""
    histories = ring_histories()
    assert most_epochs(histories, config(batch_events=30, steps=24, epochs=30)) == 4
    assert most_epochs(histories, config(batch_events=30, steps=10000, epochs=30)) == 30
    assert most_epochs(histories, config(batch_events=30, steps=1, epochs=30)) == 1
