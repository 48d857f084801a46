"""Simulated sessions in the tiny world, where who took one thing of a ring wants the others."""

import pytest

from benchmarks.session_regret import Session, categories, measure
from tests.tiny_world import TASTES, item, user


def test_categories_are_those_with_items_enough(world_run):
    assert {*categories(world_run, 10)} == {*TASTES, "odd", "even"}
    assert {item("space", 1), item("space", 3)} <= categories(world_run, 10)["odd"]
    with pytest.raises(ValueError, match="must have a category of 100 items"):
        categories(world_run, 100)


def test_a_session_is_shown_nothing_twice_and_takes_what_it_wants(world_run, world_funnel):
    session = Session(world_funnel, user(0), categories(world_run, 5)["odd"], "feedback")
    regret = [session.round(2) for _ in range(3)]
    shown = [*session.liked, *session.passed_over]
    assert len(shown) == len({*shown}) == 6
    assert {*session.liked} <= session.wanted
    assert not {*session.passed_over} & session.wanted
    assert sum(regret) == len(session.passed_over)


def test_static_sessions_tell_nothing_so_the_three_ways_differ(world_run, world_funnel):
    figures = measure(world_run, world_funnel, users=6, rounds=2, places=2)
    assert figures["users"] == 6
    assert {*figures["regret"]} == {"static", "feedback", "explored"}
    first = {way: regret[0] for way, regret in figures["regret"].items()}
    assert first["static"] == first["feedback"], "nothing has happened yet"
    for way, interval in figures["less"].items():
        lost = {name: sum(regret) for name, regret in figures["regret"].items()}
        assert interval["mean"] == pytest.approx(lost["static"] - lost[way], abs=1e-2)
