"""Maximum likelihood of gains: convex, so the answer is known wherever the data were made by known gains."""

import numpy as np
import pytest

from tfrec.retrieval.gains import most_likely

MOMENTS, CANDIDATES = 4000, 12


def answered(gains, offset, seed=0):
    """Experts in which candidate 0 was drawn from the softmax of `experts · gains + offset`."""
    rng = np.random.default_rng(seed)
    experts = rng.normal(size=(MOMENTS, CANDIDATES, len(gains))).astype(np.float32)
    logits = experts @ gains + offset
    drawn = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
    lines = np.arange(MOMENTS)
    swapped = experts.copy()
    swapped[lines, 0], swapped[lines, drawn] = experts[lines, drawn], experts[lines, 0]
    return swapped


def test_the_gains_that_made_the_choices_are_found():
    gains = np.array([1.0, 0.5, 0.0])
    found = most_likely(
        answered(gains, 0.0), np.zeros((MOMENTS, CANDIDATES), np.float32), first=[1.0, 0.0, 0.0]
    )
    np.testing.assert_allclose(found, gains, atol=0.06)


def test_the_scale_of_an_expert_does_not_matter():
    experts, nothing = answered(np.array([1.0, 0.5]), 0.0), np.zeros((MOMENTS, CANDIDATES), np.float32)
    plain = most_likely(experts, nothing, first=[1.0, 0.0])
    scaled = most_likely(experts * np.float32([1, 100]), nothing, first=[1.0, 0.0])
    np.testing.assert_allclose(scaled, plain / [1, 100], rtol=0.02)


def test_impossible_candidates_say_nothing():
    experts = answered(np.array([1.0, 0.5]), 0.0)
    offset = np.zeros((MOMENTS, CANDIDATES), np.float32)
    plain = most_likely(experts, offset, first=[1.0, 0.0])
    more = np.concatenate([experts, np.full((MOMENTS, 3, 2), 5, np.float32)], 1)
    masked = np.concatenate([offset, np.full((MOMENTS, 3), -1e9, np.float32)], 1)
    np.testing.assert_allclose(most_likely(more, masked, first=[1.0, 0.0]), plain, rtol=0.02)


@pytest.mark.parametrize("silent", [0, 1])
def test_an_expert_that_is_silent_keeps_its_first_gain(silent):
    experts = answered(np.array([1.0, 1.0]), 0.0)
    experts[..., silent] = 0
    found = most_likely(experts, np.zeros((MOMENTS, CANDIDATES), np.float32), first=[0.7, 0.7])
    assert found[silent] == pytest.approx(0.7)
