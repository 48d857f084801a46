"""Words as vectors, against TF-IDF by hand."""

import numpy as np
import pytest

from tfrec.data.lexical import LexicalSpace

TEXTS = ["blue metal pen", "Blue pen, pen", "red paper cup", "red metal cup", "paper lamp", "lamp lamp blue"]


def tfidf_by_hand(texts):
    """Unit rows of (1 + log count) · (log((1 + n) / (1 + items with the word)) + 1), words of two items at least."""
    bags = [text.lower().replace(",", "").split() for text in texts]
    words = sorted({w for bag in bags for w in bag if sum(w in b for b in bags) > 1})
    rows = np.array(
        [
            [
                (1 + np.log(bag.count(w))) * (np.log((1 + len(bags)) / (1 + sum(w in b for b in bags))) + 1)
                if w in bag
                else 0.0
                for w in words
            ]
            for bag in bags
        ]
    )
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_in_enough_dimensions_likeness_is_that_of_tfidf():
    rows = tfidf_by_hand(TEXTS)
    kept = min(rows.shape) - 1
    left, size, right = np.linalg.svd(rows, full_matrices=False)
    best = (left[:, :kept] * size[:kept]) @ right[:kept]  # the best approximation of that rank
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    vectors = LexicalSpace.learn(TEXTS, 100)(TEXTS)
    np.testing.assert_allclose(vectors @ vectors.T, best @ best.T, atol=1e-5)


def test_a_new_text_stands_with_those_that_share_its_words():
    space = LexicalSpace.learn(TEXTS, 3)
    likeness = space(["a RED cup!"]) @ space(TEXTS).T
    assert set(np.argsort(-likeness[0])[:2]) == {2, 3}


@pytest.mark.parametrize("texts", [[], [""], ["one text alone"], ["all", "of", "them differ"]])
def test_texts_that_share_no_word_have_no_place(texts):
    space = LexicalSpace.learn(texts, 8)
    assert space(texts).shape == (len(texts), 0)


def test_a_text_without_a_known_word_is_zero():
    assert not LexicalSpace.learn(TEXTS, 3)(["unheard"]).any()


def test_the_same_texts_give_the_same_places():
    np.testing.assert_array_equal(LexicalSpace.learn(TEXTS, 3).table, LexicalSpace.learn(TEXTS, 3).table)
