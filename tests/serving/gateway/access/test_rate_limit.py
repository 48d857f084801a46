"""Token buckets against a clock that is set by hand."""

import pytest

from serving.gateway.access import RateLimit


def test_a_bucket_holds_two_seconds_and_fills_at_the_rate():
    now = [0.0]
    limit = RateLimit(clock=lambda: now[0])
    assert [limit.wait("a", 2.0) for _ in range(4)] == [0.0] * 4
    assert limit.wait("a", 2.0) == pytest.approx(1 / 2)
    assert limit.wait("b", 2.0) == 0.0  # everybody has their own
    now[0] = 0.5
    assert limit.wait("a", 2.0) == 0.0
    assert limit.wait("a", 2.0) > 0.0
    now[0] = 1000.0
    assert [limit.wait("a", 2.0) for _ in range(4)] == [0.0] * 4  # and never more than two seconds' worth
    assert limit.wait("a", 2.0) > 0.0


def test_slow_callers_may_ask_once_at_a_time():
    now = [0.0]
    limit = RateLimit(clock=lambda: now[0])
    assert limit.wait("a", 0.1) == 0.0
    assert limit.wait("a", 0.1) == pytest.approx(10.0)
