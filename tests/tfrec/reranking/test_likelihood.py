"""Likelihood of titles: what the prompt says, what is scored, and the step in the graph."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.model_server.saved_model import SavedModel
from tests.census import strangers
from tests.served_call import call
from tests.tiny_causal import tiny_llama, tiny_qwen
from tfrec.export import save_functions
from tfrec.reranking.draft import Draft, Relevance, Wishes
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.likelihood import LEAST, LIKED, NEXT, SOUGHT, Likelihood
from tfrec.text.generative import GenerativeModel

TITLES = ["rocket planet", "bread", "", "planet bread rocket", "rocket"]
FAMILIES: dict[str, Callable[..., Path]] = {"llama": tiny_llama, "qwen": tiny_qwen}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Likelihood:
    words = ["rocket", "planet", "bread"]
    folder = FAMILIES[request.param](tmp_path_factory.mktemp(request.param) / "model", words)
    return Likelihood(GenerativeModel.from_name(folder), TITLES, events=2, tokens=24, text_tokens=8)


def whole_prompt(model: Likelihood, text: str) -> list[int]:
    """The tokens of a prompt that is written in one piece, as parts are."""
    found = model.language_model.pieces(tf.constant([text]), 200)[0].numpy()
    return [*model.language_model.start, *found[found > 0]]


@pytest.mark.parametrize(
    ("history", "text", "says"),
    [
        ([1, 2, 5, 0], "", f"{LIKED} rocket; bread; {NEXT}"),
        ([2, 0, 0, 0], "planet", f"{LIKED} bread; {SOUGHT} planet; {NEXT}"),
        ([0, 0, 0, 0], "planet", f"{SOUGHT} planet; {NEXT}"),
        ([0, 0, 0, 0], "", NEXT),
    ],
)
def test_the_prompt_reads_as_one_text(model, history, text, says):
    expected = whole_prompt(model, says)
    longer = [[1, 2, 4, 0], history]  # a batch pads, a prompt has no gaps
    found = model.prompt(tf.constant(longer), model.tokens(tf.constant(["rocket", text])))[1].numpy()
    assert found[: len(expected)].tolist() == expected
    assert not found[len(expected) :].any()


def test_a_candidate_is_scored_as_its_title_behind_the_prompt(model):
    history, text = tf.constant([[1, 2]]), model.tokens(tf.constant(["bread"]))
    said = model({"history": history, "text": text, "candidates": tf.constant([[4, 3, 0, 5]])}).numpy()[0]
    prompt = model.prompt(history, text)[0].numpy()
    for place, title in ((0, TITLES[3]), (3, TITLES[4])):
        tokens = model.language_model.pieces(tf.constant([title]), 24)[0].numpy()
        line = tf.constant([[*prompt, *tokens]])
        alone = model.language_model.log_likelihood(line, tf.constant([len(prompt)]), 24)
        assert said[place] == pytest.approx(float(alone[0]), rel=1e-4)
    assert (said[[1, 2]] == LEAST).all()  # no title, no candidate


def test_it_is_said_of_a_request_alone_as_in_company(model):
    asked = {
        "history": tf.constant([[1, 0], [2, 4], [0, 0]]),
        "text": model.tokens(tf.constant(["", "planet rocket", ""])),
        "candidates": tf.constant([[1, 2, 5], [5, 4, 1], [1, 2, 0]]),
    }
    together = model(asked).numpy()
    for row in range(3):
        alone = model({name: values[row : row + 1] for name, values in asked.items()}).numpy()
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4)
    assert model.told(asked).numpy().tolist() == [True, True, False]


def test_the_step_orders_the_first_by_likelihood_and_leaves_strangers_alone(model):
    rows = tf.constant([[1, 2, 4, 5]] * 3)
    ranking = tf.constant([[4.0, 3.0, 2.0, 1.0]] * 3)
    draft = Draft.of(rows, ranking)
    wishes = Wishes.of(
        tf.constant([[2, 1], [0, 0], [0, 0]]),
        tf.constant(4),
        query_text=tf.constant(["", "bread", ""]),
        relevance=Relevance(ranking, ranking),
    )
    step = LanguageReading(model, 1e6, 3, model.tokens)
    after = tf.function(step, autograph=False)(draft, wishes)
    texts = model.tokens(wishes.query_text)
    said = model({"history": wishes.recent, "text": texts, "candidates": rows[:, :3]}).numpy()
    for row in (0, 1):
        best_first = [int(rows[row, place]) for place in np.argsort(-said[row])]
        assert after.rows[row].numpy().tolist() == [*best_first, 5]
    np.testing.assert_array_equal(after.rows[2], rows[2])
    np.testing.assert_array_equal(after.score, draft.score)


def test_it_is_served_with_its_tokenizer_by_a_stock_server(model, tmp_path):
    lists = tf.TensorSpec([None, None], tf.int32)

    @tf.function(autograph=False)
    def said(history: tf.Tensor, candidates: tf.Tensor, query_text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "said": model({"history": history, "candidates": candidates, "text": model.tokens(query_text)})
        }

    inputs = {"history": lists, "candidates": lists, "query_text": tf.TensorSpec([None], tf.string)}
    save_functions({"serving_default": said.get_concrete_function(**inputs)}, [model], tmp_path)
    graph = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    assert not strangers(graph.meta_graphs[0].graph_def)
    asked = {
        "history": np.array([[1, 2], [0, 0]], np.int32),
        "candidates": np.array([[4, 5], [1, 2]], np.int32),
        "query_text": np.array(["bread and planet", ""], object),
    }
    served = call(SavedModel(str(tmp_path)), "serving_default", asked)
    expected = said(**{name: tf.constant(value) for name, value in asked.items()})
    np.testing.assert_allclose(served["said"], expected["said"], rtol=1e-4)
