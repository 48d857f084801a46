"""Noise of benchmarks: as much as asked for, where it belongs, and never what is asked later."""

import numpy as np
import pytest

from benchmarks.noise import KEPT, SLIPS, truncated, with_bad_texts, with_random_interactions, with_typos
from tfrec.data.dataset import Dataset
from tfrec.data.histories import histories
from tfrec.data.splits import split

WORDS = ["planet", "stars", "above", "the", "moon", "again", "rocket", "landing", "pad"]


def test_random_interactions_stand_among_the_real_ones(world: Dataset) -> None:
    noisy = with_random_interactions(world, 0.2, seed=3)
    whole, calm, loud = histories(world), split(histories(world)), split(histories(noisy))
    assert len(loud.train.item) == len(calm.train.item) + round(0.2 * len(calm.train.item))
    real = calm.train.holds(loud.train.user, loud.train.item)
    np.testing.assert_array_equal(loud.train.item[real], calm.train.item)
    np.testing.assert_array_equal(loud.train.user[real], calm.train.user)
    assert not whole.holds(loud.train.user[~real], loud.train.item[~real]).any()
    assert (loud.train.place[~real] > 0).all()
    assert noisy.user_ids.tolist() == world.user_ids.tolist()


def test_the_targets_stay(world: Dataset) -> None:
    calm, loud = (split(histories(some)) for some in (world, with_random_interactions(world, 0.2, seed=3)))
    for part in ("valid", "test"):
        for name in ("user", "item"):
            np.testing.assert_array_equal(
                getattr(getattr(loud, part), name), getattr(getattr(calm, part), name)
            )


def test_no_noise_is_no_change_and_a_seed_is_one_noise(world: Dataset) -> None:
    def items(share: float, seed: int) -> list[str]:
        return list(with_random_interactions(world, share, seed).interactions["item_id"])

    assert items(0.0, 1) == list(world.interactions["item_id"])
    assert items(0.1, 1) == items(0.1, 1) != items(0.1, 2)


def test_typos_are_in_a_fifth_of_the_longer_words() -> None:
    words = WORDS * 200
    written = with_typos(" ".join(words), np.random.default_rng(0)).split()
    assert len(written) == len(words)
    differs = np.array([a != b for a, b in zip(words, written, strict=True)])
    long = np.array([len(word) >= 4 for word in words])
    assert not differs[~long].any()
    # two equal letters may change places, unseen
    assert differs[long].mean() == pytest.approx(SLIPS, abs=0.05)
    assert all(abs(len(a) - len(b)) <= 1 for a, b in zip(words, written, strict=True))


def test_a_truncated_text_is_its_beginning() -> None:
    rng = np.random.default_rng(0)
    assert truncated(" ".join(WORDS), rng).split() == WORDS[: round(KEPT * len(WORDS))]
    assert truncated("planet", rng) == "planet"


@pytest.mark.parametrize("how", ["typos", "truncated"])
def test_bad_texts_change_what_items_say_and_nothing_else(world: Dataset, how: str) -> None:
    bad = with_bad_texts(world, how, seed=0)
    assert bad.item_texts() != world.item_texts()
    assert bad.item_ids.tolist() == world.item_ids.tolist()
    assert bad.items["genres"].equals(world.items["genres"])
