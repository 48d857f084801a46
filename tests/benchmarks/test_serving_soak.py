"""The soak, for seconds: both servers answer, and their memory is read."""

import pytest

from benchmarks.serving_soak import growth, soak
from tests.serving.served_models import Contract


def test_growth_leaves_out_the_first_quarter():
    assert growth([1.0, 1.0, 100.0, 100.0, 104.0, 104.0, 110.0, 110.0]) == pytest.approx(0.1)


def test_every_kind_of_call_is_answered(tmp_path):
    Contract().save(tmp_path / "1")
    figures = soak(tmp_path, seconds=4.0, rate=4.0)
    assert set(figures["outcomes"]) == {"list", "grpc", "rest", "wrong"}
    assert figures["outcomes"]["list"] >= 8
    assert set(figures["memory_growth"]) == {"model server", "gateway"}
