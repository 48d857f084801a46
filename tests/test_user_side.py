"""The user side end to end: profile and moment decide, for known and for new users, in Python and as served."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.client import Client
from serving.model_server.process import running_server
from serving.model_server.saved_model import SavedModel
from tests.moody_world import (
    EACH,
    EVENTS,
    MOODS,
    NEWCOMERS,
    TASTES,
    kind,
    moment,
    moody_config,
    moody_dataset,
)
from tests.served_call import call, check_same, save_signature
from tfrec import cli
from tfrec.evaluation.evaluate import evaluate
from tfrec.export import publish
from tfrec.funnel import Funnel
from tfrec.run import Run
from tfrec.training import train


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    config = moody_config("ranking.inputs=[popularity, behaviour, co_occurrence, profile, context]")
    return train(moody_dataset(), config, tmp_path_factory.mktemp("moody") / "run")


@pytest.fixture(scope="module")
def funnel(run) -> Funnel:
    return Funnel.from_run(run)


@pytest.fixture(scope="module")
def models(run, funnel, tmp_path_factory) -> Path:
    return publish(funnel.signatures, run, tmp_path_factory.mktemp("models") / "recommender").parent


@pytest.fixture(scope="module")
def client(models):
    with running_server(models, rest=False) as server, Client(server.grpc_address) as client:
        yield client


def kinds(found, k: int = 3) -> set[tuple[str, str]]:
    """Tastes and moods of the first k items of an answer."""
    assert len(found) >= k
    return {kind(item.item_id) for item in found[:k]}


@pytest.mark.parametrize("taste", TASTES)
@pytest.mark.parametrize("mood", MOODS)
def test_a_newcomer_is_answered_by_profile_and_moment(funnel, taste, mood):
    assert kinds(funnel.recommend(NEWCOMERS[taste], context={"mood": mood})) == {(taste, mood)}


@pytest.mark.parametrize("taste", TASTES)
def test_a_newcomer_is_answered_by_profile_alone(funnel, taste):
    assert {t for t, _ in kinds(funnel.recommend(NEWCOMERS[taste]))} == {taste}


@pytest.mark.parametrize("mood", MOODS)
def test_a_stranger_is_answered_by_the_moment_alone(funnel, mood):
    assert {m for _, m in kinds(funnel.recommend("nobody", context={"mood": mood}))} == {mood}


@pytest.mark.parametrize("mood", MOODS)
def test_a_known_user_is_answered_by_history_and_moment(funnel, mood):
    assert kinds(funnel.recommend("u1", context={"mood": mood}), 2) == {(TASTES[1], mood)}


@pytest.mark.parametrize("mood", MOODS)
def test_a_history_of_unknown_items_is_none(funnel, mood):
    asked = {"context": {"mood": mood}}
    assert funnel.recommend("nobody", ["?", "what"], **asked) == funnel.recommend("nobody", **asked)


@pytest.mark.parametrize("taste", TASTES)
@pytest.mark.parametrize("mood", MOODS)
def test_ranking_reads_what_profile_and_moment_say_alone(run, funnel, taste, mood):
    read, slate = funnel.signatures.read, funnel.signatures.slate
    assert slate.features.names[-2:] == ("profile", "context")
    told = {name: tf.constant(value) for name, value in read.context.inputs({"mood": mood}).items()}
    asked = read(tf.constant([NEWCOMERS[taste]]), tf.constant([[""]]), tf.constant([""]), told)
    rows = tf.range(1, len(run.items) + 1)[None]
    profile, context = slate.retriever.side_evidence(asked.user, asked.context, rows).numpy()[0].T
    tastes, moods = zip(*map(kind, run.items["item_id"]), strict=True)
    for said, own in ((profile, np.array(tastes) == taste), (context, np.array(moods) == mood)):
        assert said[own].mean() > said[~own].mean() + said.std()


def test_an_unknown_value_is_a_missing_one(funnel):
    assert funnel.recommend("u2", context={"mood": "???"}) == funnel.recommend("u2")
    with pytest.raises(ValueError, match=r"`context` may hold \['mood'\]. Received: \['weather'\]"):
        funnel.recommend("u2", context={"weather": "wet"})


def test_nobody_at_no_moment_is_served_by_popularity(run, funnel):
    counts = dict(zip(run.items["item_id"], run.known("test").counts(len(run.items)), strict=True))
    found = [counts[item.item_id] for item in funnel.recommend("nobody")]
    assert found == sorted(found, reverse=True)


def test_evaluation_knows_the_moment_of_each_target(run):
    """The right kind is one of four: knowing it, a target is among the first EACH; not knowing, with luck."""
    metrics = evaluate(run)["stages"]["retrieval"]
    assert metrics["recall@10"] > 0.95
    assert EACH < 10


def test_the_served_model_knows_profile_and_moment(client, funnel):
    for user in (*NEWCOMERS.values(), "u1", "nobody"):
        for context in ({"mood": "wild"}, {}):
            served = client.recommend(user, context=context, k=5)
            assert [item.item_id for item in served] == [
                i.item_id for i in funnel.recommend(user, context=context, k=5)
            ]
    (sweet, *_), asked = (
        client.retrieve(NEWCOMERS["sweet"], context={"mood": "calm"}),
        ["salty-wild-0", "sweet-calm-0"],
    )
    assert kind(sweet.item_id) == ("sweet", "calm")
    wrong, right = client.rank(NEWCOMERS["sweet"], asked, context={"mood": "calm"})
    assert right > wrong
    with pytest.raises(ValueError, match=r"the model knows the context \['mood'\]. Received: 'weather'"):
        client.recommend("u1", context={"weather": "wet"})


def test_signatures_say_what_may_be_told(client):
    signatures = client.metadata()
    for name in ("recommend", "retrieve", "rank"):
        assert signatures[name].inputs["context_mood"].dtype == "string"
        assert "context_mood" in signatures[name].optional
    assert set(signatures["serving_default"].inputs) == {"user_id", "history"}


def test_the_contract_lists_what_may_be_told(models):
    (version,) = models.iterdir()
    contract = json.loads((version / "assets.extra" / "contract.json").read_text("utf-8"))
    assert contract["schema"]["interactions"]["mood"] == "context"
    assert contract["signatures"]["rank"]["inputs"]["context_mood"] == "string[?]"


def test_the_command_line_tells_the_moment(client, monkeypatch, capsys):
    monkeypatch.setattr("serving.client.Client", lambda *_, **__: contextlib.nullcontext(client))
    for mood in MOODS:
        cli.recommend(
            user=NEWCOMERS["sweet"],
            history="",
            text="",
            exclude="",
            category="",
            context=[f"mood={mood}"],
            k=1,
        )
        assert kind(capsys.readouterr().out.split("\t")[0]) == ("sweet", mood)


def test_the_hour_decides_where_time_is_known(tmp_path):
    """Asked of another encoder and of many interests, which must answer the same, also as served."""
    settings = ("retrieval.time=true", "retrieval.encoder=lstm", "retrieval.interests=2", "ranking.epochs=1")
    config = moody_config(*settings)
    run = train(moody_dataset(tells="time"), config, tmp_path / "run")
    funnel = Funnel.from_run(run)
    for mood in MOODS:
        for taste, user in NEWCOMERS.items():
            assert kinds(funnel.recommend(user, context={"time": moment(mood, EVENTS)})) == {(taste, mood)}
        known = funnel.recommend("u1", context={"time": moment(mood, EVENTS)})
        known.sort(key=lambda item: -item.retrieval_score)  # the ranker had one epoch
        assert kinds(known, 2) == {(TASTES[1], mood)}
    assert np.isnan(funnel.signatures.defaults["recommend"]["time"])
    for signature in ("retrieve", "recommend"):
        rows = three_requests(funnel.signatures.defaults[signature])
        expected = funnel.signatures.functions[signature](
            **{name: tf.constant(v) for name, v in rows.items()}
        )
        served = SavedModel(str(save_signature(funnel.signatures, signature, tmp_path / signature)))
        check_same(call(served, signature, rows), expected)


def three_requests(defaults: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A known user, a new one, and one who says what he took; at two moments and at none that is told."""
    asked = {
        "user_id": np.array(["u1", NEWCOMERS["sweet"], "nobody"], object),
        "history": np.array([["", ""], ["", ""], ["salty-wild-0", "sweet-calm-1"]], object),
        "time": np.array([moment(MOODS[0], EVENTS), moment(MOODS[1], EVENTS), np.nan]),
    }
    return {name: np.repeat(np.atleast_1d(value), 3, axis=0) for name, value in defaults.items()} | asked
