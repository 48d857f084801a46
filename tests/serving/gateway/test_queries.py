"""What the model is told, for models of today and of yesterday."""

import pytest

from serving.client import Query, Signature, TensorSpec
from serving.feature_store import UserFeatures
from serving.gateway.bodies import RecommendBody
from serving.gateway.queries import Abilities, UnknownWishError, make_query

TEXT = TensorSpec("string", (-1, -1))
OLD = Abilities(
    frozenset({"user_id", "history", "query_text", "exclude", "allow_category", "diversity", "k"})
)
NEW = Abilities(
    (OLD.inputs or frozenset()) | {"liked", "disliked", "shown", "fairness", "exploration", "language"}
)
KNOWN = UserFeatures(history=("a", "b", "c"), liked=("b",), disliked=("d",), shown=("e", "f"))


def told(abilities=NEW, features=KNOWN, longest=10, **body) -> dict:
    """What a query says, without what it leaves open."""
    query = make_query(RecommendBody(**body), features, abilities, longest=longest)
    return {name: value for name, value in vars(query).items() if value or value == 0.0}


def test_a_session_is_told_with_each_item_at_one_place():
    feedback = {"liked": ["b"], "disliked": ["d"], "shown": ["e", "f"]}
    assert told() == {"history": ["a", "c"], "exclude": ["d"], **feedback}


def test_an_older_model_is_told_by_history_and_exclusions():
    assert told(OLD) == {"history": ["a", "c", "b"], "exclude": ["d"]}


def test_a_model_of_which_nothing_is_known_is_told_everything():
    assert told(Abilities(), fairness=0.5) == told(NEW, fairness=0.5)


def test_the_lists_of_a_request_stand_in_for_those_remembered():
    said = told(history=["x", "y"], liked=["y", "z"], disliked=[], shown=["w"], exclude=["v"])
    assert said == {"history": ["x"], "exclude": ["v"], "liked": ["y", "z"], "shown": ["w"]}


def test_no_list_is_longer_than_allowed():
    long = UserFeatures(history=tuple("abcde"), shown=tuple("vwxyz"))
    assert told(features=long, longest=3) == {"history": ["c", "d", "e"], "shown": ["x", "y", "z"]}


@pytest.mark.parametrize("wish", [{"fairness": 0.0}, {"exploration": 0.5}, {"language": "zh"}])
def test_a_wish_reaches_the_model_or_is_refused(wish):
    ((name, value),) = wish.items()
    assert told(NEW, **wish)[name] == value
    with pytest.raises(UnknownWishError, match=rf"does not take: {name}\."):
        told(OLD, **wish)


def test_abilities_are_read_from_the_signatures():
    recommend = Signature({"user_id": TEXT, "exploration": TEXT}, defaults={"exploration": [0.25]})
    found = Abilities.of({"recommend": recommend, "certify": recommend})
    assert found == Abilities(frozenset({"user_id", "exploration"}), certifies=True, exploration=0.25)
    assert [found.exploration_of(Query(exploration=strength)) for strength in (None, 0.0, 0.5)] == [
        0.25,
        0.0,
        0.5,
    ]
    assert (
        Abilities.of({"recommend": Signature({"user_id": TEXT})}).exploration_of(Query(exploration=0.5))
        == 0.0
    )
