"""The clustered index against the exact one."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.protobuf import saved_model_pb2

from serving.model_server.saved_model import SavedModel
from tests.census import strangers
from tests.grown_vectors import grown
from tests.layer_checks import check_config, check_reload
from tests.served_call import call
from tfrec.retrieval.clustered_index import ClusteredIndex
from tfrec.retrieval.filters import Categories, Filters
from tfrec.retrieval.index import LOWEST, Answer, ExactIndex, Query, Spread

ITEMS, DIM, K, CATEGORIES = 4000, 16, 20, 40
VECTORS, QUERIES = grown(ITEMS, DIM)
ASKED = grown(ITEMS, DIM, queries=300)[1][200:]  # not those that the index was made with
# a category is a region, as those of a shop are, or chance; category 1 is nobody's
TABLE = np.stack(
    [
        2 + np.abs(VECTORS @ np.random.default_rng(2).normal(size=(DIM, 18))).argmax(1),
        np.random.default_rng(3).integers(20, CATEGORIES, ITEMS + 1),
    ],
    1,
).astype(np.int32)


@pytest.fixture(scope="module")
def exact() -> ExactIndex:
    return ExactIndex.of(VECTORS)


@pytest.fixture(scope="module")
def clustered() -> ClusteredIndex:
    return ClusteredIndex.of(VECTORS, QUERIES, recall=0.95, k=K)


@pytest.fixture(scope="module")
def search(exact: ExactIndex, clustered: ClusteredIndex):
    """Answers of both indexes."""
    graphs = [
        tf.function(index.search, autograph=False, reduce_retracing=True) for index in (exact, clustered)
    ]
    return lambda *arguments: [graph(*arguments) for graph in graphs]


def no_filters(batch: int) -> Filters:
    return Filters(tf.zeros([batch, 1], tf.int32))


def with_bonus(vectors: np.ndarray, *, width: int = 50, seed: int = 0) -> Query:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 300, (len(vectors), width)).astype(np.int32)  # of few rows: some have two
    return Query(
        tf.constant(vectors), tf.constant(rows), tf.constant(rng.gamma(1, 1, rows.shape), tf.float32)
    )


def recall(found: Answer, best: Answer) -> float:
    """Mean share of the exact answers that were found."""
    pairs = zip(best.rows.numpy(), found.rows.numpy(), strict=True)
    return float(np.mean([np.isin(one[one > 0], other).mean() for one, other in pairs]))


def test_it_visits_few_cells(clustered):
    assert clustered.visits < clustered.cells / 4


@pytest.mark.parametrize("make", [Query.of, with_bonus])
def test_it_finds_nearly_all(search, exact, make):
    query = make(tf.constant(ASKED))
    best, found = search(query, no_filters(len(ASKED)), tf.constant(K))
    assert 0.93 < recall(found, best) < 1
    np.testing.assert_allclose(found.score, exact.score(query, found.rows), rtol=1e-4, atol=1e-5)
    assert (np.diff(found.score) <= 0).all()
    assert (found.score <= best.score + 1e-4).numpy().all()


@pytest.mark.parametrize("make", [Query.of, with_bonus])
def test_all_cells_give_what_the_exact_index_gives(exact, make):
    index = ClusteredIndex.of(VECTORS, QUERIES, recall=0.95, k=K)
    index.visits = index.cells
    query, filters = (
        make(tf.constant(ASKED)),
        Filters(tf.constant(np.arange(3000, dtype=np.int32).reshape(100, 30))),
    )
    best, found = exact.search(query, filters, K), index.search(query, filters, K)
    np.testing.assert_allclose(found.score, best.score, rtol=1e-4)
    np.testing.assert_array_equal(found.rows, best.rows)


@pytest.mark.parametrize("make", [Query.of, with_bonus])
def test_the_spread_of_all_scores(search, make):
    query = make(tf.constant(ASKED))
    blocked = Filters(tf.tile(tf.range(ITEMS)[None], [len(ASKED), 1]))  # blocked items count as well
    best, found = search(query, blocked, tf.constant(K))
    np.testing.assert_allclose(found.spread.mean, best.spread.mean, atol=1e-4)
    np.testing.assert_allclose(found.spread.deviation, best.spread.deviation, rtol=1e-4)
    error = (found.spread.partition - best.spread.partition).numpy()
    assert np.sqrt((error**2).mean()) < 0.04
    assert np.abs(error).max() < 0.2


def test_rows_that_do_not_count_are_found_all_the_same(exact):
    query, counted = with_bonus(ASKED), ITEMS - 500
    index = ClusteredIndex.of(VECTORS, QUERIES, recall=0.95, k=K, counted=counted)
    found = tf.function(index.search, autograph=False)(query, no_filters(len(ASKED)), K)
    spread = Spread.of(exact.scores(query)[:, :counted])
    np.testing.assert_allclose(found.spread.mean, spread.mean, atol=1e-4)
    np.testing.assert_allclose(found.spread.deviation, spread.deviation, rtol=1e-4)
    assert np.sqrt(((found.spread.partition - spread.partition).numpy() ** 2).mean()) < 0.04
    assert recall(found, exact.search(query, no_filters(len(ASKED)), K)) > 0.93


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), k=st.integers(1, 50), seen=st.sampled_from([0, 1, 30, 3900, 3990, 4000]),
    wanted=st.lists(st.integers(0, CATEGORIES - 1), max_size=3), bonus=st.booleans(),
)  # fmt: skip
def test_filters_never_leak_and_k_come_when_there_are_k(search, seed, k, seen, wanted, bonus):
    rng = np.random.default_rng(seed)
    vectors = ASKED[rng.choice(len(ASKED), 2, replace=False)]
    rows = np.argsort(-(vectors @ VECTORS.T), axis=1) if seed % 2 else np.stack(
        [rng.permutation(ITEMS + 1) for _ in range(2)]
    )  # fmt: skip
    member = np.isin(np.arange(CATEGORIES), wanted)[None] & np.array([[True], [False]])
    categories = Categories(tf.constant(member), tf.constant([[bool(wanted)], [False]]), tf.constant(TABLE))
    filters = Filters(tf.constant(rows[:, :seen].astype(np.int32)), categories)
    query = with_bonus(vectors, seed=seed) if bonus else Query.of(tf.constant(vectors))
    best, found = search(query, filters, tf.constant(k))
    blocked = filters.blocked(ITEMS + 1).numpy()
    for line, found_rows in enumerate(found.rows.numpy()):
        kept = found_rows[found_rows > 0]
        assert not blocked[line, kept].any()
        assert len(set(kept)) == len(kept) == min(k, (~blocked[line]).sum())
        assert (found.score[line].numpy()[len(kept) :] == LOWEST).all()
    assert (found.score[:, 0] <= best.score[:, 0] + 1e-3).numpy().all()


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_recall_holds_under_filters(search, share):
    seen = np.flatnonzero(np.random.default_rng(0).random(ITEMS + 1) > share).astype(np.int32)
    best, found = search(
        Query.of(tf.constant(ASKED)), Filters(tf.tile(seen[None], [len(ASKED), 1])), tf.constant(K)
    )
    assert recall(found, best) > 0.93


def test_recall_holds_where_the_best_are_excluded(search):
    best_first = np.argsort(-(ASKED @ VECTORS.T), axis=1)[:, :1500].astype(np.int32)
    best, found = search(Query.of(tf.constant(ASKED)), Filters(tf.constant(best_first)), tf.constant(K))
    assert recall(found, best) > 0.93


def test_a_category_that_no_item_has_leaves_nothing(search):
    member = tf.constant(np.arange(CATEGORIES) == 1)[None]
    filters = Filters(
        tf.zeros([1, 1], tf.int32), Categories(member, tf.constant([[True]]), tf.constant(TABLE))
    )
    for answer in search(Query.of(tf.constant(ASKED[:1])), filters, tf.constant(K)):
        assert not answer.rows.numpy().any()
        assert (answer.score.numpy() == LOWEST).all()
        assert answer.rows.shape == (1, K)


def test_an_answer_does_not_depend_on_its_batch(search):
    seen = np.random.default_rng(0).integers(0, ITEMS, (3, 3000)).astype(np.int32)
    seen[0] = 0
    query, filters = with_bonus(ASKED[:3]), Filters(tf.constant(seen))
    _, together = search(query, filters, tf.constant(K))
    for line in range(3):
        _, alone = search(query.line(line), filters.line(line), tf.constant(K))
        for one, other in zip(tf.nest.flatten(alone), tf.nest.flatten(together), strict=True):
            np.testing.assert_allclose(one[0], other[line], rtol=1e-5)


def test_an_empty_batch(search):
    for answer in search(Query.of(tf.zeros([0, DIM])), no_filters(0), tf.constant(K)):
        assert answer.rows.shape == answer.score.shape == (0, K)


@pytest.mark.parametrize("items", [0, 1, 10])
def test_fewer_items_than_are_wanted(items):
    vectors = VECTORS[: items + 1]
    answers = [
        index.search(Query.of(tf.constant(ASKED[:2])), no_filters(2), 100)
        for index in (ExactIndex.of(vectors), ClusteredIndex.of(vectors))
    ]
    for answer in answers:
        assert answer.rows.shape == (2, 100)
        assert (np.sort(answer.rows.numpy(), 1)[:, 100 - items :] == np.arange(1, items + 1)).all()
        assert not answer.rows.numpy()[:, items:].any()
        assert (answer.score.numpy()[:, items:] == LOWEST).all()
        assert np.isfinite(np.concatenate(answer.spread)).all()


def test_ten_thousand_exclusions():
    vectors, queries = grown(12_000, DIM)
    exact, index = ExactIndex.of(vectors), ClusteredIndex.of(vectors, queries, k=K)
    excluded = np.argsort(-(queries[:5] @ vectors.T), axis=1)[:, :10_000].astype(np.int32)
    query, filters = Query.of(tf.constant(queries[:5])), Filters(tf.constant(excluded))
    best, found = exact.search(query, filters, K), index.search(query, filters, K)
    assert recall(found, best) > 0.93
    assert not any(np.isin(rows, out).any() for rows, out in zip(found.rows.numpy(), excluded, strict=True))


@pytest.mark.parametrize("index", [ExactIndex, ClusteredIndex])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(index, value):
    vectors = VECTORS.copy()
    vectors[7, 3] = vectors[11, 0] = value
    with pytest.raises(ValueError, match="2 rows that are not, the first is row 7"):
        index.of(vectors)


@pytest.mark.parametrize("index", [ExactIndex, ClusteredIndex])
@pytest.mark.parametrize("shape", [(0, 3), (4,)])
def test_vectors_without_shape_are_refused(index, shape):
    with pytest.raises(ValueError, match=r"\[items, dim\]"):
        index.of(np.zeros(shape, np.float32))


def test_the_layer(clustered, tmp_path):
    check_config(clustered)
    again = check_reload(clustered, (tf.constant(ASKED),), tmp_path)
    assert isinstance(again.layers[-1], ClusteredIndex)
    np.testing.assert_array_equal(again.layers[-1].codes, clustered.codes)


# a SavedModel on the path that TensorFlow Serving takes


def flat(answer: Answer) -> dict[str, tf.Tensor]:
    return {"rows": answer.rows, "score": answer.score, **answer.spread._asdict()}


@pytest.fixture(scope="module")
def folder(clustered: ClusteredIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = tf.constant(TABLE)

    def search(vector, seen, wanted, rows, bonus):
        asked = tf.reduce_any(wanted, 1, keepdims=True)
        filters = Filters(seen, Categories(wanted, asked, table))
        return flat(clustered.search(Query(vector, rows, bonus), filters, K))

    specs = {
        "vector": tf.TensorSpec([None, DIM]), "seen": tf.TensorSpec([None, None], tf.int32),
        "wanted": tf.TensorSpec([None, CATEGORIES], tf.bool), "rows": tf.TensorSpec([None, None], tf.int32),
        "bonus": tf.TensorSpec([None, None]),
    }  # fmt: skip
    function = tf.function(search, autograph=False)
    function.get_concrete_function(**{n: tf.TensorSpec(s.shape, s.dtype, n) for n, s in specs.items()})
    folder = tmp_path_factory.mktemp("served") / "1"
    archive = keras.export.ExportArchive()
    archive.track(clustered)
    archive.add_endpoint("search", function)
    archive.write_out(str(folder), verbose=False)
    return folder


def test_the_session_answers_as_the_layer(clustered: ClusteredIndex, folder: Path):
    query = with_bonus(ASKED[:4])
    seen = np.random.default_rng(0).integers(0, ITEMS, (4, 1000)).astype(np.int32)
    wanted = np.zeros((4, CATEGORIES), bool)
    wanted[2, [5, 30]] = True
    inputs = {
        "vector": ASKED[:4], "seen": seen, "wanted": wanted, "rows": query.rows.numpy(),
        "bonus": query.bonus.numpy(),
    }  # fmt: skip
    model = SavedModel(str(folder))
    served = call(model, "search", inputs)
    model.close()
    categories = Categories(tf.constant(wanted), tf.constant(wanted.any(1)[:, None]), tf.constant(TABLE))
    expected = flat(clustered.search(query, Filters(tf.constant(seen), categories), K))
    for name, values in expected.items():
        np.testing.assert_allclose(served[name], values, rtol=1e-4, err_msg=name)


def test_every_op_is_in_a_stock_tensorflow_serving(folder: Path):
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    assert not strangers(model.meta_graphs[0].graph_def)
