"""From events to features."""

from hypothesis import given
from hypothesis import strategies as st

from serving.feature_store import INTERACTIONS, KINDS, Event, UserFeatures, features_of


def events(*steps: str, session: str = "") -> list[Event]:
    """`events("click a", "like b")`: one second apart."""
    parts = (step.split() for step in steps)
    return [Event(kind, item, float(second), session) for second, (kind, item) in enumerate(parts)]


def test_an_unknown_user_has_no_features():
    assert features_of([]) == UserFeatures()


def test_an_item_stands_in_the_history_once_where_it_came_last():
    assert features_of(events("view a", "view b", "click a", "purchase c")).history == ("b", "a", "c")


def test_events_that_come_late_take_their_place_in_time():
    first, second = events("click a", "click b")
    assert features_of([second, first]).history == ("a", "b")


def test_the_last_verdict_counts_and_a_disliked_item_leaves_the_history():
    found = features_of(events("like a", "dislike b", "dislike a", "like b", "view c"))
    assert found == UserFeatures(history=("b", "c"), liked=("b",), disliked=("a",))


def test_shown_is_of_this_session_and_without_what_was_interacted_with():
    before = events("impression old", session="yesterday")
    now = events("impression a", "impression b", "impression a", "click b", session="now")
    assert features_of([*before, *now], session="now").shown == ("a",)
    assert features_of([*before, *now], session="yesterday").shown == ("old",)


def test_likes_and_impressions_are_of_the_visit_but_a_dislike_lasts():
    before = events("like a", "dislike b", session="yesterday")
    now = events("like c", "like d", "dislike d", "impression e", session="now")
    found = features_of([*before, *now], session="now")
    assert (found.liked, set(found.disliked), found.shown) == (("c",), {"b", "d"}, ("e",))
    assert features_of([*before, *now], session="yesterday").liked == ("a",)


def test_without_a_session_only_what_is_new_steers():
    steps = events("like a", "impression b", "like c", "impression d")
    found = features_of(steps, since=2.0)
    assert (found.history, found.liked, found.shown) == (("a", "c"), ("c",), ("d",))


@given(
    st.lists(st.builds(Event, st.sampled_from(KINDS), st.sampled_from("abcd"), st.floats(0, 9), st.just("s")))
)
def test_features_hold_what_happened_and_nothing_twice(happened):
    found = features_of(happened, session="s")
    lists = (found.history, found.liked, found.disliked, found.shown)
    assert all(len(set(items)) == len(items) for items in lists)
    touched = {event.item_id for event in happened if event.kind in INTERACTIONS}
    assert set(found.history) == touched - set(found.disliked)
    assert not set(found.liked) & set(found.disliked)
    assert set(found.shown) == {event.item_id for event in happened if event.is_impression} - touched
