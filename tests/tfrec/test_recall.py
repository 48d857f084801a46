"""The two ways of recall: what they say of rows is the same, what they find nearly."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.model_server.saved_model import SavedModel
from tests.census import strangers
from tests.grown_vectors import grown
from tests.served_call import call, check_same
from tests.tiny_world import REQUESTS, inputs
from tfrec.config import make_config
from tfrec.data.histories import Histories
from tfrec.export import write_saved_model
from tfrec.funnel import Funnel
from tfrec.ranking.features import PairFeatures
from tfrec.recall import ClusteredRecall, ExactRecall, make_recall
from tfrec.request import Request
from tfrec.retrieval.blend import Blend
from tfrec.retrieval.candidate_tower import CandidateTower
from tfrec.retrieval.clustered_index import ClusteredIndex
from tfrec.retrieval.filters import Filters
from tfrec.retrieval.query_tower import QueryTower
from tfrec.retrieval.retriever import Retriever
from tfrec.retrieval.two_tower import TwoTower
from tfrec.run import Run

ITEMS, DIM, LENGTH, NEAR, TEXT, USERS, K = 4000, 16, 6, 5, 8, 300, 30
RNG = np.random.default_rng(0)
EVENTS = RNG.integers(0, ITEMS, USERS * LENGTH).astype(np.int32)
HISTORIES = Histories(EVENTS, np.arange(USERS + 1) * LENGTH, np.zeros(len(EVENTS)))


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    """Towers and a blend that nobody trained; item vectors have the structure of trained ones."""
    blend = Blend(ITEMS + 1, neighbours=NEAR)
    blend.set_neighbours(RNG.integers(1, ITEMS, (ITEMS + 1, NEAR)), RNG.random((ITEMS + 1, NEAR)))
    blend.set_gains([0.7, 0.0, 2.0], [1.0, 0.0, 0.0])
    tower = CandidateTower(ITEMS + 1, DIM)
    model = TwoTower(tower, QueryTower(LENGTH, blocks=1), temperature=0.5, blend=blend)
    tower.id_embedding.assign(grown(ITEMS, DIM)[0])
    return Retriever(model)


@pytest.fixture(scope="module")
def features() -> PairFeatures:
    features = PairFeatures(ITEMS + 1, DIM, text_dim=TEXT, neighbours=NEAR, categories=0, slots=1)
    features.tables["popularity"].assign(RNG.normal(size=ITEMS + 1))
    language = RNG.normal(size=(ITEMS + 1, TEXT))
    features.tables["language"].assign(language / np.linalg.norm(language, axis=1, keepdims=True))
    return features


@pytest.fixture(scope="module")
def exact(retriever, features) -> ExactRecall:
    return ExactRecall(retriever, features, make_config({}))


@pytest.fixture(scope="module")
def clustered(retriever, features) -> ClusteredRecall:
    config = make_config({"retrieval": {"index": "clustered"}, "ranking": {"candidates": K}})
    made = make_recall(Retriever(retriever.model), features, HISTORIES, config)
    assert isinstance(made, ClusteredRecall)
    return made


def requests(*, text: tuple[int, ...] = (), blank: tuple[int, ...] = (), users: int = 40) -> Request:
    """The histories of some users; requests of some lines have free text, of some no history."""
    recent = HISTORIES.tail_rows(LENGTH)[:users] + 0
    recent[list(blank)] = 0
    words = np.zeros((users, TEXT), np.float32)
    words[list(text)] = np.random.default_rng(1).normal(size=TEXT)
    known, has_text = recent.any(1, keepdims=True), words.any(1, keepdims=True)
    user = np.zeros(users, np.int32)
    return Request(*map(tf.constant, (user, recent, recent, known, has_text, words)), None)


def test_the_settings_choose(exact, clustered, retriever, features):
    assert isinstance(make_recall(retriever, features, HISTORIES, make_config({})), ExactRecall)
    assert isinstance(clustered.retriever.index, ClusteredIndex)
    assert clustered.retriever.index.visits < clustered.retriever.index.cells / 2


@pytest.mark.parametrize("kind", [{}, {"text": (0, 3)}, {"blank": (1,)}, {"text": (0, 1), "blank": (1, 2)}])
def test_both_say_the_same_of_rows(exact, clustered, kind):
    request, rows = requests(**kind), tf.constant(RNG.integers(0, ITEMS, (40, 12)), tf.int32)
    asked = [recall.ask(request) for recall in (exact, clustered)]
    for one, other in zip(exact.of(asked[0], rows), clustered.of(asked[1], rows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    one, other = exact.spread(asked[0]), clustered.spread(asked[1])
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-3)
    np.testing.assert_allclose(one.deviation, other.deviation, rtol=1e-3)
    np.testing.assert_allclose(one.partition, other.partition, atol=0.1)


def found(recall, request: Request):
    return recall.find(recall.ask(request), Filters(request.seen), K)


def test_it_finds_nearly_all(exact, clustered):
    request = requests()
    best, near = found(exact, request), found(clustered, request)
    shares = [np.isin(*pair).mean() for pair in zip(best.rows.numpy(), near.rows.numpy(), strict=True)]
    assert np.mean(shares) > 0.93
    assert not any(np.isin(*pair).any() for pair in zip(near.rows.numpy(), request.seen.numpy(), strict=True))
    parts = clustered.of(clustered.ask(request), near.rows)
    np.testing.assert_allclose(near.score, parts.behaviour, rtol=1e-4, atol=1e-4)


def test_text_and_popularity_are_answered_exactly(exact, clustered):
    lines, request = [0, 1, 2], requests(text=(0, 1), blank=(1, 2))
    best, near = found(exact, request), found(clustered, request)
    np.testing.assert_array_equal(tf.gather(best.rows, lines), tf.gather(near.rows, lines))
    np.testing.assert_allclose(tf.gather(best.score, lines), tf.gather(near.score, lines), rtol=1e-4)


def test_a_plain_request_is_answered_as_alone(clustered):
    alone, merged = found(clustered, requests()), found(clustered, requests(text=(0,), blank=(1,)))
    np.testing.assert_array_equal(alone.rows[2:], merged.rows[2:])
    np.testing.assert_allclose(alone.score[2:], merged.score[2:], rtol=1e-5)


def test_of_a_plain_request_no_score_of_all_items_is_made(clustered):
    """Nothing of the catalogue's size outside the branches that other requests take."""
    graph = tf.function(lambda request: found(clustered, request), autograph=False)
    function = graph.get_concrete_function(requests(users=2))
    shapes = [out.shape.as_list() for op in function.graph.get_operations() for out in op.outputs
              if op.type not in ("ReadVariableOp", "Placeholder", "Const")]  # fmt: skip
    assert shapes
    assert not [shape for shape in shapes if shape and ITEMS + 1 in shape]


class TestExported:
    """The tiny world, whose index is too small to leave anything out, answers as with the exact index."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
        run, retrieval = (
            Run(world_run.folder),
            world_run.config.retrieval.model_copy(update={"index": "clustered"}),
        )
        vars(run)["config"] = world_run.config.model_copy(
            update={"retrieval": retrieval}
        )  # cached, else read
        signatures = Funnel.from_run(run).signatures
        assert isinstance(signatures.slate.recall, ClusteredRecall)
        assert isinstance(signatures.slate.exact().recall, ExactRecall)
        folder = tmp_path_factory.mktemp("clustered") / "1"
        write_saved_model(signatures, folder)
        return folder

    def test_the_session_answers_as_with_the_exact_index(self, folder: Path, world_saved_model: SavedModel):
        model = SavedModel(str(folder))
        for name in ("recommend", "retrieve"):
            request = inputs(model.signatures[name].inputs, *REQUESTS)
            check_same(call(model, name, request), call(world_saved_model, name, request))
        model.close()

    def test_every_op_is_in_a_stock_tensorflow_serving(self, folder: Path):
        model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        assert not strangers(model.meta_graphs[0].graph_def)
