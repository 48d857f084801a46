"""The ranker's training, on a retriever whose answers are known."""

import numpy as np
import pytest

from tests.tfrec.ranking.conftest import ITEMS, LENGTH, LIST
from tfrec.config import RankingConfig
from tfrec.data.histories import Histories
from tfrec.ranking.ensemble import RankerEnsemble
from tfrec.ranking.features import NAMES
from tfrec.ranking.fit import build_pair_features, fit_ranker, newest
from tfrec.ranking.lists import MASKED, TrainingLists, make_lists
from tfrec.ranking.losses import make_loss
from tfrec.retrieval.co_occurrence import neighbours


def test_the_tables_are_those_of_the_catalogue(features, full, content, retriever):
    tables = {name: table.numpy() for name, table in features.tables.items()}
    np.testing.assert_array_equal(tables["language"], content.table[:, :3])
    np.testing.assert_array_equal(tables["category"], content.category)
    np.testing.assert_array_equal(tables["vectors"], retriever.vectors)
    np.testing.assert_array_equal(tables["content"], retriever.model.blend.content)
    np.testing.assert_array_equal(tables["is_new"][1:], full.counts(ITEMS) == 0)
    popular = np.argsort(full.counts(ITEMS), kind="stable")
    assert (np.diff(tables["popularity"][1:][popular]) >= 0).all()
    assert (features.items, features.categories, features.neighbours) == (ITEMS + 1, 3, 3)


def test_chance_meetings_count_less_in_ranking_as_they_do_in_recall(full, content, retriever, monkeypatch):
    counting = {"distance_discount": 1.0, "shrinkage": 5.0}
    for name, value in counting.items():
        monkeypatch.setattr(retriever.model.blend, name, value)
    layer = build_pair_features(full, content, retriever, neighbours_kept=3)
    expected = neighbours(full, ITEMS, 3, **counting)
    for name, table in zip(("neighbour", "cosine"), expected, strict=True):
        np.testing.assert_array_equal(layer.tables[name].numpy(), table)


def with_answer(lists: TrainingLists, feature: int) -> TrainingLists:
    """The same lists with another answer: the candidate whose feature is largest."""
    values = np.where(lists.labels < 0, -np.inf, lists.inputs["features"][..., feature])
    labels = np.where(lists.labels < 0, MASKED, values == values.max(1, keepdims=True)).astype(np.float32)
    return TrainingLists(lists.inputs, labels)


def tables_of(retriever):
    return retriever.vectors, retriever.model.blend.content


CONFIG = RankingConfig(units=8, dropout=0.0, learning_rate=0.03, batch=16, epochs=12, weight_decay=0.0)


def test_training_finds_what_tells_the_answer(lists, retriever):
    """An answer that retrieval does not know: the candidate nearest to the last event in language."""
    task = with_answer(lists, feature=NAMES.index("language_last"))
    tables, loss = tables_of(retriever), make_loss(CONFIG.loss)
    untrained = fit_ranker(
        lists.take(np.arange(0)),
        tables,
        CONFIG,
        seed=0,
    )
    trained = fit_ranker(task, tables, CONFIG, seed=0)
    before, after = (float(loss(task.labels, ranker(task.inputs))) for ranker in (untrained, trained))
    assert after < 0.6 * before
    first = np.argmax(np.where(task.labels < 0, -np.inf, trained(task.inputs)), axis=1)
    assert (task.labels[np.arange(len(first)), first] == 1).mean() > 0.8
    again = trained.with_tables(*tables)
    np.testing.assert_allclose(again(task.inputs), trained(task.inputs), atol=1e-5)


@pytest.mark.parametrize("kept", [0, 1])
def test_with_hardly_any_list_the_order_stays_that_of_retrieval(lists, retriever, kept):
    few = lists.take(np.flatnonzero(lists.answered)[:kept])
    ranker = fit_ranker(few, tables_of(retriever), CONFIG, seed=0)
    rows = (lists.inputs["candidates"] > 0).all(1)  # full lists, whose order is that of the scores
    scores = ranker({name: values[rows] for name, values in lists.inputs.items()}).numpy()
    assert (np.diff(scores, axis=1) <= 1e-5).all()


def test_a_feature_that_never_varied_does_not_blow_up_once_it_does(lists, retriever):
    """Here every item has interactions: `is_new` is 0 throughout."""
    new = NAMES.index("is_new")
    assert not lists.inputs["features"][..., new].any()
    ranker = fit_ranker(lists, tables_of(retriever), CONFIG, seed=0)
    with_new = {**lists.inputs, "features": lists.inputs["features"].copy()}
    with_new["features"][..., new] = 1
    assert np.abs(ranker(with_new) - ranker(lists.inputs)).max() < 10


def test_the_newest_tenth_of_the_interactions():
    times = np.array([5.0, 1, 2, 3, 9, 4, 6, 7, 8, 9])  # 9 twice: both or none
    h = Histories(np.arange(10, dtype=np.int32), np.array([0, 1, 5, 10]), times)
    assert newest(h).item.tolist() == [4, 9]


def test_probabilities_are_as_likely_as_they_say(lists, retriever):
    """By what the fit found on a tenth of the lists, over all of them: of 35 lists the share is known to a sixth."""
    ranker = fit_ranker(lists, tables_of(retriever), CONFIG, seed=0)
    present = lists.labels >= 0
    told = ranker.probability(ranker(lists.inputs)).numpy()[present]
    assert told.mean() == pytest.approx((lists.labels[present] > 0).mean(), rel=0.5)
    assert ranker.calibration.numpy()[0] > 0


def test_a_pointwise_loss_learns_from_unanswered_lists(lists, retriever):
    """Told of nothing but lists without an answer (and one with), it says no to all."""
    kept = np.append(np.flatnonzero(~lists.answered), np.flatnonzero(lists.answered)[0])
    config = CONFIG.model_copy(update={"loss": "pointwise"})
    ranker = fit_ranker(lists.take(np.repeat(kept, 12)), tables_of(retriever), config, seed=0)
    scores = ranker(lists.take(kept[:-1]).inputs).numpy()
    assert (scores[lists.labels[kept[:-1]] >= 0] < 0).mean() > 0.95


@pytest.mark.parametrize("members", ["seeds", "folds"])
def test_an_ensemble_is_what_its_members_learn(lists, retriever, members):
    """The mean of rankers with the next seeds; of folds, each learns from the others' and stops by its own."""
    config = CONFIG.model_copy(update={"ensemble": 2, "members": members, "epochs": 3})
    whole = fit_ranker(lists, tables_of(retriever), config, seed=5)
    assert isinstance(whole, RankerEnsemble)
    assert not np.allclose(whole.linear.kernel, whole.others[0].linear.kernel)
    if members == "seeds":
        one = CONFIG.model_copy(update={"epochs": 3})
        order = fit_ranker(lists, tables_of(retriever), one, seed=5)
        np.testing.assert_array_equal(whole.linear.kernel, order.linear.kernel)
    told = whole.probability(whole(lists.inputs)).numpy()[lists.labels >= 0]
    assert told.mean() == pytest.approx((lists.labels[lists.labels >= 0] > 0).mean(), rel=0.5)


def test_gradients_of_small_batches_add_up_to_those_of_a_large_one(lists, retriever):
    """Two batches of half the lists, added up, are one step; another batch size without them is not."""
    task = lists.take(np.flatnonzero(lists.answered)[:40])
    kernels = []
    for batch, accumulate in ((36, 1), (18, 2), (18, 1)):
        config = CONFIG.model_copy(update={"batch": batch, "accumulate": accumulate, "epochs": 1})
        kernels.append(fit_ranker(task, tables_of(retriever), config, seed=0).linear.kernel.numpy())
    rounding = 1e-3  # Adam makes steps of it where there is no gradient
    np.testing.assert_allclose(kernels[1], kernels[0], atol=rounding)
    assert not np.allclose(kernels[2], kernels[0], atol=rounding)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns_as_well(lists, retriever, precision):
    task = with_answer(lists, feature=NAMES.index("language_last"))
    ranker = fit_ranker(
        task, tables_of(retriever), CONFIG.model_copy(update={"precision": precision}), seed=0
    )
    scores = ranker(task.inputs)
    assert scores.dtype == "float32"
    first = np.argmax(np.where(task.labels < 0, -np.inf, scores), axis=1)
    assert (task.labels[np.arange(len(first)), first] == 1).mean() > 0.7


def test_isotonic_probabilities_rise_with_the_score(lists, retriever):
    config = CONFIG.model_copy(update={"probability": "isotonic"})
    ranker = fit_ranker(lists, tables_of(retriever), config, seed=0)
    told = ranker.probability(np.linspace(-9, 9, 50, dtype=np.float32)).numpy()
    assert (np.diff(told) >= -1e-6).all()
    assert 0 < told[0] < told[-1] < 1
    again = ranker.with_tables(*tables_of(retriever))
    np.testing.assert_allclose(again.steps, ranker.steps)


def test_lists_with_random_candidates_are_learned_from(lists, retriever, features, full, moments):
    """The ranker that learned from them is asked, and its probabilities are found, without any."""
    more = make_lists(retriever, features, full, moments, candidates=LIST, length=LENGTH, random=4)
    ranker = fit_ranker(more, tables_of(retriever), CONFIG, seed=0)
    assert not np.allclose(ranker(lists.inputs), lists.inputs["features"][..., 0], atol=0.1)
    present = lists.labels >= 0
    told = ranker.probability(ranker(lists.inputs)).numpy()[present]
    assert told.mean() == pytest.approx((lists.labels[present] > 0).mean(), rel=0.5)
