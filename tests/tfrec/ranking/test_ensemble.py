"""Several rankers as one model: the mean of their scores, in one file, with tables of other sizes too."""

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tests.tfrec.ranking.test_ranker import CONTENT, DIM, FEATURES, INPUTS, ITEMS, make
from tfrec.ranking.ensemble import RankerEnsemble, join
from tfrec.ranking.ranker import Ranker

KIND = {"meets": "attention", "cross": 1, "maps": 2}


@pytest.fixture(scope="module")
def members() -> list[Ranker]:
    made = [make(**KIND) for _ in range(3)]
    for seed, member in enumerate(made):
        randomize(member, seed)
        member.vectors.assign(made[0].vectors)
        member.content.assign(made[0].content)
        member.levels.assign(0 * member.levels)
    return made


def test_its_score_is_the_mean_of_theirs(members):
    expected = np.mean([member(INPUTS) for member in members], axis=0)
    np.testing.assert_allclose(join(members)(INPUTS), expected, atol=1e-5)
    assert not np.allclose(members[0](INPUTS), expected, atol=1e-2)


def test_the_vectors_are_there_once(members):
    def tables(ranker: Ranker) -> int:
        return sum(weight.shape[:1] == (ITEMS,) for weight in ranker.weights)

    assert tables(join(members)) == tables(members[0]) == 3  # two spaces, and which items are new


def test_it_survives_its_file(members, tmp_path):
    whole = join(members)
    whole.levels.assign(np.arange(2 * whole.levels.shape[1]).reshape(2, -1))
    whole.save(tmp_path / "ranker.keras")
    again = keras.saving.load_model(tmp_path / "ranker.keras", compile=False)
    assert isinstance(again, RankerEnsemble)
    np.testing.assert_allclose(again(INPUTS), whole(INPUTS), atol=1e-6)


def test_with_tables_of_more_items_the_scores_stay(members):
    whole = join(members)
    more = [
        np.concatenate([table.numpy(), np.ones((2, table.shape[1]))])
        for table in (whole.vectors, whole.content)
    ]
    grown = whole.with_tables(*more)
    assert grown.items == ITEMS + 2
    np.testing.assert_allclose(grown(INPUTS), whole(INPUTS), atol=1e-6)


def test_new_items_are_at_the_level_of_recall_for_the_mean(members):
    whole = join(members)
    whole.levels.assign(np.stack([np.linspace(-5, 5, whole.levels.shape[1])] * 2))  # the first feature itself
    whole.set_new(np.zeros(ITEMS))
    np.testing.assert_allclose(whole(INPUTS), np.clip(INPUTS["features"][..., 0], -5, 5), atol=1e-5)


def test_one_ranker_is_no_ensemble(members):
    assert join(members[:1]) is members[0]
    with pytest.raises(ValueError, match="at least 2"):
        RankerEnsemble(ITEMS, DIM, FEATURES, content_dim=CONTENT, members=1)
