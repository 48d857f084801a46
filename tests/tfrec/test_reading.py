"""The cross-encoder of a run: trained once, kept in a small file, and the same in Python as served."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from serving.model_server.saved_model import SavedModel
from tests.served_call import call, check_same
from tests.tiny_world import REQUESTS, WORDS, inputs, tiny_config
from tfrec import reading
from tfrec.config import ConfigError
from tfrec.data.dataset import Dataset
from tfrec.evaluation.evaluate import evaluate
from tfrec.export import publish
from tfrec.funnel import Funnel
from tfrec.reranking import slate_fit
from tfrec.reranking.draft import Draft, Relevance, Wishes
from tfrec.reranking.slates import Slates
from tfrec.run import Run
from tfrec.training import train

PAIRS = 4
SETTINGS = (
    "reading.milliseconds=100000", f"reading.pairs={PAIRS}", "reading.events=2", "reading.event_tokens=4",
    "reading.tokens=6", "reading.negatives=3", "reading.batch=32", "reading.epochs=1", "reading.lists=200",
    "retrieval.epochs=3", "ranking.epochs=1", "reranking.slate_model=true",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(world: Dataset, tiny_encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config, folder = tiny_config(tiny_encoder_folder, *SETTINGS), tmp_path_factory.mktemp("reading")
    with pytest.MonkeyPatch.context() as patch:  # how good the slate model is, is asked elsewhere
        patch.setattr(slate_fit, "FOLDS", 2)
        patch.setattr(slate_fit, "EPOCHS", 2)
        run = train(world, config, folder / "run")
    assert run.reader_gain is not None
    run.save_reader_gain(5.0)  # whatever so few lists said it is worth
    return run


def test_what_it_learned_is_small_and_is_learned_once(run, world, monkeypatch):
    assert run.reader_weights.stat().st_size < 60_000
    monkeypatch.setattr(reading, "fit_cross_encoder", lambda *_, **__: pytest.fail("it has learned already"))
    reading.train_reader(run, run.past("valid"), world.item_texts())


def test_a_run_without_it_has_no_such_step(world_run, world_funnel):
    assert reading.load_reader(world_run, []) is None
    assert "cross_encoder" not in world_funnel.signatures.slate.reranker.steps
    assert world_funnel.signatures.pairs == 0


def test_it_teaches_what_it_has_read(run, world):
    reader = reading.load_reader(run, world.item_texts())
    slates = Slates.load(run.folder / "valid" / "slates.npz")
    scores = reading.read_as_teacher(run, reader, slates)
    taught = (slates.labels[:, :PAIRS] > 0).any(1)
    np.testing.assert_array_equal(np.isnan(scores).all(1), ~taught)
    assert np.isnan(scores[:, PAIRS:]).all()
    assert not np.isnan(scores[taught, :2]).any()


def test_it_reads_in_python_as_served(run, tmp_path):
    funnel = Funnel.from_run(run, timed=True)
    folder = publish(funnel.signatures, run, tmp_path / "models")
    contract = json.loads((folder / "assets.extra" / "contract.json").read_text())
    assert contract["limits"]["read_pairs"] == PAIRS
    requests = inputs(funnel.signatures.inputs["recommend"], *REQUESTS)
    expected = funnel.signatures.functions["recommend"](**{n: tf.constant(v) for n, v in requests.items()})
    check_same(call(SavedModel(str(folder)), "recommend", requests), expected)


def test_the_free_text_is_read_where_the_run_has_learned_to(run):
    step = reading.cross_reading(run, [run.items])
    rows, ranking = tf.constant([[1, 2, 11, 12]] * 2), tf.constant([[4.0, 3.0, 2.0, 1.0]] * 2)
    texts = tf.constant([WORDS["space"], WORDS["küche"]])
    strangers = tf.zeros([2, 1], tf.int32)
    wishes = Wishes.of(strangers, tf.constant(4), query_text=texts, relevance=Relevance(ranking, ranking))
    step.gain = 1e3
    first = step(Draft.of(rows, ranking), wishes).rows.numpy()[:, :2]
    assert [{*line} for line in first.tolist()] == [{1, 2}, {11, 12}]


def test_a_run_from_before_profile_and_free_text_were_read_reads_neither(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "old")
    old = Run(tmp_path / "old")
    for file, read, write in (
        ("run.json", json.loads, json.dumps),
        ("config.yaml", yaml.safe_load, yaml.safe_dump),
    ):
        settings = read((old.folder / file).read_text())
        for name in ("profile_tokens", "text_tokens", "imagined"):
            del settings.get("config", settings)["reading"][name]
        (old.folder / file).write_text(write(settings))
    widths = [(reads.profile_tokens, reads.text_tokens) for reads in map(reading.read_by, (old, run))]
    assert widths == [(0, 0), (12, 12)]
    assert reading.cross_reading(old, [old.items]).tokens is None


def test_without_time_there_is_nothing_to_read(run, monkeypatch):
    monkeypatch.setattr(reading, "affordable_pairs", lambda *_: 1)  # one pair decides nothing
    assert reading.cross_reading(run, [run.items], timed=True) is None


def test_a_language_model_is_needed():
    with pytest.raises(ConfigError, match=r"reading: .*set text.encoder, or milliseconds=0"):
        tiny_config("none", "reading.milliseconds=10")


def test_the_evaluation_has_it(run):
    stages = evaluate(run)["stages"]
    assert stages["reranking"]["recall@10"] == pytest.approx(
        stages["ranking"]["recall@10"]
    )  # only 4 are moved
