"""The circuit breaker against a clock that is set by hand."""

import pytest

from serving.gateway.breaker import CircuitBreaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(failures=3, pause=5.0, clock=clock)


def fail(breaker, times):
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_it_opens_after_failures_in_a_row(breaker):
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"
    assert not breaker.allows()


def test_one_call_tries_after_the_pause(breaker, clock):
    fail(breaker, 3)
    clock.now = 5.0
    assert breaker.state == "half-open"
    assert breaker.allows()
    assert not breaker.allows()  # one alone
    breaker.succeeded()
    assert breaker.state == "closed"


def test_a_try_that_fails_opens_it_for_another_pause(breaker, clock):
    fail(breaker, 3)
    clock.now = 5.0
    fail(breaker, 1)
    clock.now = 9.9
    assert not breaker.allows()
    clock.now = 10.0
    assert breaker.allows()


def test_a_try_that_was_given_up_leaves_the_place_to_another(breaker, clock):
    fail(breaker, 3)
    clock.now = 5.0
    assert breaker.allows()
    breaker.abandoned()
    assert breaker.allows()
