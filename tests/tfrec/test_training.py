"""From a dataset to trained stages: what each part may learn from, and the same again from the same seed."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tiny_world import tiny_config, walk
from tfrec import training
from tfrec.config import Config
from tfrec.data.dataset import Dataset, make_dataset
from tfrec.data.errors import DatasetError
from tfrec.data.histories import Histories, histories
from tfrec.data.item_content import learn_content
from tfrec.data.moments import held_out
from tfrec.determinism import deterministic_ops
from tfrec.funnel import Funnel
from tfrec.ranking.features import NAMES
from tfrec.ranking.ranker import Ranker
from tfrec.retrieval.fit import build_two_tower
from tfrec.run import Run
from tfrec.stages import Stages
from tfrec.training import fit, train


def test_the_same_seed_gives_the_same_weights(world_run: Run):
    """Bit for bit: what was trained and saved once, trained once more."""
    with deterministic_ops():
        again = fit(world_run.past("valid"), world_run.content, world_run.config)
    before = world_run.load_stages("valid")
    assert again.epochs == before.epochs
    for ours, theirs in ((again.two_tower, before.two_tower), (again.ranker, before.ranker)):
        for one, other in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=one.path)


class Calls:
    """Stands for the parts of a fit: remembers which histories each was given."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.model: Any = MagicMock()
        self.patch, self.parts = patch, {}
        for name in ("fit_retrieval", "fit_gains", "_fit_ranking", "_fit_slate_model", "catch_up"):
            self.parts[name] = getattr(training, name)
            patch.setattr(training, name, getattr(self, name.strip("_")))

    def undo(self, name: str) -> None:
        self.patch.setattr(training, name, self.parts[name])

    def fit_retrieval(self, past, content, config, *, seed, valid, epochs, side, weight):
        self.learned, self.valid, self.epochs = past, valid, epochs
        return self.model, epochs or 4

    def fit_gains(self, two_tower, known, moments, *, mask_seen, boost, seed, side):
        self.weighed = known

    def fit_ranking(self, recalled, content, config, side):
        self.earlier, self.ranked = recalled.earlier, recalled.known
        return MagicMock(), "slates"

    def fit_slate_model(self, recalled, ranker, slates, config, teacher):
        self.taught = slates, teacher

    def catch_up(self, two_tower, known, config, *, seed, side, weight):
        self.caught_up = known


@pytest.fixture
def calls() -> Iterator[Calls]:
    with pytest.MonkeyPatch.context() as patch:
        yield Calls(patch)


@pytest.fixture(scope="module")
def past() -> Histories:
    rng = np.random.default_rng(0)
    items = [rng.permutation(40)[: rng.integers(0, 30)] for _ in range(30)]
    flat = np.concatenate(items).astype(np.int32)
    return Histories(flat, np.cumsum([0, *map(len, items)]), np.zeros(len(flat)))


def lists(h: Histories) -> list[list[int]]:
    return [h.of(user).tolist() for user in range(len(h))]


def test_each_stage_learns_from_what_came_before(calls, past):
    """Recall from the earlier part, ranking from recall's answers to the rest, then recall from all of it."""
    assert fit(past, None, Config()).epochs == 4
    cut = past.lengths - held_out(past)
    earlier = [items[:n] for items, n in zip(lists(past), cut, strict=True)]
    assert lists(calls.learned) == lists(calls.earlier) == earlier
    assert lists(calls.weighed) == lists(calls.ranked) == lists(calls.caught_up) == lists(past)
    expected = {
        user: items[n] for user, (items, n) in enumerate(zip(lists(past), cut, strict=True)) if n < len(items)
    }
    assert dict(zip(calls.valid.user.tolist(), calls.valid.item.tolist(), strict=True)) == expected
    assert calls.epochs is None


def test_with_known_epochs_nothing_is_validated(calls, past):
    assert fit(past, None, Config(), epochs=7).epochs == 7
    assert calls.valid is None
    assert calls.epochs == 7


def test_the_slate_model_learns_from_what_the_teacher_says_of_its_slates(calls, past):
    fit(past, None, Config(), teach=lambda slates: f"scores of {slates}")
    assert calls.taught == ("slates", "scores of slates")
    fit(past, None, Config())
    assert calls.taught == ("slates", None)


def test_a_teacher_is_judged_where_there_is_no_slate_model(calls, past):
    calls.undo("_fit_slate_model")
    judged: list[str] = []
    assert fit(past, None, tiny_config(), teach=judged.append).slate_model is None
    assert judged == ["slates"]


def test_hidden_items_are_in_no_history(calls, past):
    hidden = np.arange(40) % 5 == 0
    fit(past, None, Config(), hidden=hidden)
    for part in (calls.learned, calls.earlier, calls.ranked, calls.caught_up):
        assert not hidden[part.item].any()
    assert lists(calls.ranked) == [[i for i in items if i % 5] for items in lists(past)]


def test_hiding_is_asked_for_in_the_settings(tmp_path, monkeypatch, world):
    seen = []

    def stop(past, content, config, *, hidden, epochs, side, **_):
        seen.append(hidden)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        train(world, tiny_config("none", "data.hide_items=0.2"), tmp_path)
    expected = np.random.default_rng(0).choice(
        len(world.item_ids), int(len(world.item_ids) * 0.2), replace=False
    )
    assert np.flatnonzero(seen[0]).tolist() == sorted(expected)


# small and odd data


def walks(users: int, steps: int) -> pd.DataFrame:
    rows = [(f"u{n}", item_id, step) for n in range(users) for step, item_id in enumerate(walk(n, steps))]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def ids_only(interactions: pd.DataFrame) -> Dataset:
    """No text, no columns at all."""
    return make_dataset(interactions, pd.DataFrame({"item_id": interactions["item_id"].unique()}))


def test_histories_too_short_to_rank_anything(calls):
    """2 items each: too few to hold one of them out. Ranking keeps the order of retrieval."""
    calls.undo("_fit_ranking")
    calls.undo("_fit_slate_model")
    past, content = histories(ids_only(walks(12, 2))), learn_content(ids_only(walks(12, 2)), None)
    calls.model = build_two_tower(past, content, Config().retrieval)
    ranker = fit(past, content, tiny_config()).ranker
    features = np.random.default_rng(0).normal(size=(1, 5, ranker.features)).astype(np.float32)
    rows = {"candidates": np.ones((1, 5), np.int32), "history": np.ones((1, 2), np.int32)}
    scores = ranker({"features": features, **rows})[0].numpy()
    assert np.argsort(scores).tolist() == np.argsort(features[0, :, 0]).tolist()


def test_histories_too_short_to_learn_from(tmp_path):
    """3 items each: 1 before the validation target, which nothing follows."""
    with pytest.raises(DatasetError, match=r"a user with two events at least.* Bring more interactions"):
        train(ids_only(walks(12, 3)), tiny_config(), tmp_path)


@pytest.fixture
def untrained(monkeypatch) -> None:
    """Models as they are before training: here only what is around them is asked."""

    def fit(past, content, config, *, hidden, epochs, side, **_) -> Stages:
        two_tower = build_two_tower(past, content, config.retrieval)
        return Stages(two_tower, Ranker(len(content.table), config.retrieval.dim, len(NAMES)), epochs or 1)

    monkeypatch.setattr(training, "fit", fit)


def recommend(funnel: Funnel, user: str) -> list[str]:
    """The signature as it stands, without tracing all six."""
    told = {"user_id": [user], "diversity": np.float32([0.5]), "k": np.int32([8])}
    asked = funnel.signatures.defaults["recommend"] | told
    slate = funnel.signatures.recommend(**{name: tf.constant(value) for name, value in asked.items()})
    return [item_id.decode() for item_id in slate["item_id"].numpy()[0] if item_id]


@pytest.mark.usefixtures("untrained")
class TestOddData:
    def test_ids_only_with_a_language_model_that_has_nothing_to_read(self, tmp_path, tiny_encoder_folder):
        funnel = Funnel.from_run(train(ids_only(walks(12, 7)), tiny_config(tiny_encoder_folder), tmp_path))
        assert len(recommend(funnel, "u1")) == 8
        item = tf.constant(["space-1"])
        index = funnel.signatures.slate.retriever.vectors
        row = int(funnel.signatures.read.item_rows(item)[0])
        np.testing.assert_allclose(funnel.signatures.embed_item(item)["embedding"][0], index[row], atol=1e-5)

    def test_ids_only_without_a_language_model(self, tmp_path):
        funnel = Funnel.from_run(train(ids_only(walks(12, 7)), tiny_config(), tmp_path))
        assert len(recommend(funnel, "nobody")) == 8
        assert funnel.signatures.embed_text(tf.constant(["a", "b"]))["embedding"].shape == (2, 1)

    def test_one_user(self, tmp_path):
        funnel = Funnel.from_run(train(ids_only(walks(1, 9)), tiny_config(), tmp_path))
        assert recommend(funnel, "u0") == [walk(0, 9)[-1]]  # all the others were seen

    @pytest.mark.parametrize("repeats", ["first", "keep"])
    def test_what_was_seen_comes_back_only_with_repeats(self, tmp_path, repeats):
        interactions = pd.concat([walks(12, 8), walks(12, 8)]).assign(timestamp=lambda rows: range(len(rows)))
        config = tiny_config("none", f"data.repeats={repeats}", "data.split=time", "retrieval.user_id=true")
        funnel = Funnel.from_run(train(ids_only(interactions), config, tmp_path))
        stored = {*walk(1, 8)}
        assert bool({*recommend(funnel, "u1")} & stored) == (repeats == "keep")
