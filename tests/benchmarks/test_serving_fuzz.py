"""The command that sends odd requests, small: against an exported recommender's signatures."""

from benchmarks.serving_fuzz import fuzz
from tests.serving.served_models import Contract


def test_odd_requests_get_documented_codes_and_leave_the_server_well(tmp_path):
    Contract().save(tmp_path / "1")
    figures = fuzz(tmp_path, 240, first_seed=0)
    assert figures["requests"] == 240
    assert figures["undocumented"] == []
    assert figures["alive_afterwards"]
    assert set(figures["codes"]) == {"grpc predict", "grpc bytes", "rest", "http"}
    assert figures["codes"]["grpc predict"]["INVALID_ARGUMENT"] > 0
    assert figures["codes"]["rest"]["400"] > 0
