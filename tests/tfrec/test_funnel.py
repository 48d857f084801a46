"""The stages as one object: in the tiny world everybody gets the next item of their ring."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_world import (
    COLD,
    NOBODY,
    USERS,
    answer,
    inputs,
    item,
    successor,
    taste_of,
    user,
    walk,
)
from tfrec.data.dataset import Dataset
from tfrec.funnel import Funnel
from tfrec.retrieval.co_occurrence import neighbours
from tfrec.run import Run


def places(funnel: Funnel, answers: list[str], *, signature: str = "recommend", **request) -> np.ndarray:
    """Where the answer stands in each known user's list, 99 where it does not."""
    names = ["user_id", *funnel.signatures.defaults[signature]]
    asked = inputs(names, *({"user_id": user(n), **request} for n in range(USERS)))
    method = getattr(funnel.signatures, signature)  # run as it stands: nothing is traced
    outputs = method(**{key: tf.constant(value) for key, value in asked.items()})
    lists = [[i.decode() for i in row] for row in outputs["item_id"].numpy()]
    return np.array([found.index(a) if a in found else 99 for found, a in zip(lists, answers, strict=True)])


@pytest.fixture(scope="module")
def answers() -> list[str]:
    return [answer(n) for n in range(USERS)]


def test_retrieval_finds_what_was_held_out(world_funnel: Funnel, answers):
    found = places(world_funnel, answers, signature="retrieve", k=5)
    assert (found < 5).mean() >= 0.95  # by chance: 5 of 16
    assert (found == 0).mean() >= 0.6


def test_ranking_puts_it_first(world_funnel: Funnel, answers):
    ranked = places(world_funnel, answers)
    assert (1 / (1 + ranked)).mean() >= 0.9  # the mean reciprocal rank
    assert (ranked == 0).mean() >= (places(world_funnel, answers, signature="retrieve") == 0).mean() - 0.05


def test_ranking_reads_the_co_occurrence_that_recall_remembers(world_run: Run, world_funnel: Funnel):
    features, discount = world_funnel.signatures.slate.features, world_run.config.retrieval.distance_discount
    known, items = world_run.known("test"), len(world_run.items)
    expected = neighbours(known, items, features.neighbours, distance_discount=discount)
    for name, table in zip(("neighbour", "cosine"), expected, strict=True):
        np.testing.assert_array_equal(features.tables[name].numpy(), table)


@pytest.mark.parametrize("diversity", [0.3, 0.6])
def test_reranking_does_not_lose_it(world_funnel: Funnel, answers, diversity):
    assert (places(world_funnel, answers, diversity=diversity, k=3) < 3).mean() >= 0.95


def test_the_validation_fit_answers_what_validation_asks(world_run: Run):
    """It has seen neither the last item of a user nor the one before."""
    funnel = Funnel.from_run(world_run, fit="valid")
    held_out = [walk(n)[-2] for n in range(USERS)]
    assert (places(funnel, held_out, signature="retrieve", k=1) == 0).mean() >= 0.6


def test_a_new_user_gets_the_next_item_of_the_ring(world_funnel: Funnel):
    for history in (["küche-2", "küche-3"], walk(8, 9), [item("space", 4)]):
        found = world_funnel.recommend("nobody", history, k=3)
        assert successor(history[-1]) in [one.item_id for one in found]
        assert taste_of(found[0].item_id) == taste_of(history[-1])


def test_an_item_that_nobody_took_is_found_by_its_words(world_funnel: Funnel, world: Dataset):
    """Its own title brings the new item into the candidates of somebody without a history."""
    title = dict(zip(world.item_ids, world.item_titles(), strict=True))[COLD]
    names = ["user_id", *world_funnel.signatures.defaults["retrieve"]]
    asked = inputs(names, {**NOBODY, "query_text": f"{title}. space, even. ada", "k": 12})
    found = world_funnel.signatures.functions["retrieve"](**{k: tf.constant(v) for k, v in asked.items()})
    assert COLD.encode() in found["item_id"].numpy()[0]


def test_a_recommendation_carries_what_each_stage_thought(world_funnel: Funnel, world: Dataset):
    titles = dict(zip(world.item_ids, world.item_titles(), strict=True))
    names = ["user_id", *world_funnel.signatures.defaults["recommend"]]
    asked = inputs(names, {"user_id": user(5), "k": 4, "diversity": 0.2})
    slate = world_funnel.signatures.functions["recommend"](**{k: tf.constant(v) for k, v in asked.items()})
    for place, one in enumerate(world_funnel.recommend(user(5), k=4, diversity=0.2)):
        assert one.item_id == slate["item_id"][0, place].numpy().decode()
        assert one.title == titles[one.item_id]
        assert one.reason == slate["reason"][0, place].numpy().decode()
        for name in ("score", "retrieval_score", "ranking_score"):
            np.testing.assert_allclose(getattr(one, name), slate[name][0, place], rtol=1e-5)


def test_arguments_mean_what_they_say(world_funnel: Funnel):
    def ids(*arguments, **options) -> list[str]:
        return [one.item_id for one in world_funnel.recommend(*arguments, **options)]

    assert len(ids(user(1))) == 8  # no more than export.k
    assert len(ids(user(1), k=2)) == 2
    assert ids(user(1), k=2) == ids(user(1))[:2]
    assert ids(user(1), diversity=None) == ids(user(1), diversity=0.0)
    assert ids(user(1), exclude=ids(user(1))[:1])[0] == ids(user(1))[1]
    assert {taste_of(i) for i in ids(user(1), allow_category=["space"])} == {"space"}
    assert ids(user(1), allow_category=["no such category"]) == []
    assert ids() == ids("nobody")
    assert ids(history=["küche-1"]) == ids("nobody", ["küche-1"])


@pytest.fixture(scope="module")
def hiding(world_run: Run, tmp_path_factory):
    """The signatures of the run as if an item that user 0 took, and one that nobody needs here, had been hidden."""
    run = Run(Path(shutil.copytree(world_run.folder, tmp_path_factory.mktemp("hiding") / "run")))
    with np.load(run.folder / "histories.npz") as file:
        arrays = dict(file)
    arrays["hidden"] = run.items["item_id"].isin([HIDDEN, COLD]).to_numpy()
    np.savez(run.folder / "histories.npz", **arrays)
    return Funnel.from_run(run).signatures


HIDDEN = walk(0)[4]
STORED = [item_id for item_id in walk(0)[:-1] if item_id != HIDDEN]  # the last one is held out for test


@pytest.mark.parametrize(
    ("request_", "the_same"),
    [
        ({"user_id": user(0)}, {"history": STORED, "exclude": [HIDDEN]}),
        ({"history": walk(0)[2:6]}, {"history": [*walk(0)[2:4], walk(0)[5]], "exclude": [HIDDEN]}),
        ({"history": [HIDDEN]}, {"exclude": [HIDDEN]}),
        ({"user_id": user(0), "history": [HIDDEN]}, {"history": STORED, "exclude": [HIDDEN]}),
    ],
)
def test_what_was_hidden_is_masked_once_seen_but_never_read(hiding, request_, the_same):
    """As evaluation has it."""
    names = ["user_id", *hiding.defaults["retrieve"]]
    asked = inputs(
        names, {**NOBODY, "k": 12, **request_}, {**NOBODY, "k": 12, "exclude": [*STORED, HIDDEN], **the_same}
    )
    found = hiding.retrieve(**{key: tf.constant(value) for key, value in asked.items()})
    ours, theirs = ([id_.decode() for id_ in row if id_] for row in found["item_id"].numpy())
    assert HIDDEN not in ours
    assert [id_ for id_ in ours if id_ in theirs] == [id_ for id_ in theirs if id_ in ours]
    assert len({*ours} & {*theirs}) >= 6


def test_what_was_hidden_may_be_found(hiding):
    names = ["user_id", *hiding.defaults["retrieve"]]
    asked = inputs(names, {**NOBODY, "history": walk(0, 3), "k": 12, "exclude": [item("space", 9)]})
    found = hiding.retrieve(**{key: tf.constant(value) for key, value in asked.items()})
    assert HIDDEN.encode() in found["item_id"].numpy()[0]
