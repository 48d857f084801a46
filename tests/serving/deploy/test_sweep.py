"""The sweep: what it chooses, and what it writes."""

import json

import pytest

from serving import wire
from serving.deploy import sweep
from serving.deploy.sweep import Candidate, Measured, best, candidates, main
from serving.model_server import text_config


def measured(rate: float, p99: float) -> Measured:
    return Measured(Candidate(16, 1000, 1), rate, p99 / 2, p99)


def test_the_fastest_within_the_limit_is_best():
    ways = [measured(100, 10), measured(300, 60), measured(200, 50)]
    assert best(ways, p99_ms=50) is ways[2]
    assert best(ways, p99_ms=5) is ways[0]  # none is: the one that keeps people waiting least


def test_no_batch_is_larger_than_callers_can_fill():
    ways = candidates(clients=16, cores=2)
    assert {way.max_batch_size for way in ways} == {8, 16}
    assert {way.threads for way in ways} == {1, 2}
    assert {way.max_batch_size for way in candidates(clients=3, cores=2)} == {8}
    few = candidates(clients=16, cores=1, sizes=[4, 32], timeouts_us=[7])
    assert few == [Candidate(4, 7, 1)]


def test_a_candidate_is_a_parameters_file(tmp_path):
    (tmp_path / "batching.config").write_text(Candidate(32, 500, 2).text())
    read = text_config.read(str(tmp_path / "batching.config"), wire.BatchingParameters)
    assert (read.max_batch_size.value, read.batch_timeout_micros.value) == (32, 500)
    assert (read.num_batch_threads.value, read.pad_variable_length_inputs) == (2, True)


def test_files_are_written_for_the_best(tmp_path, monkeypatch):
    rates = iter([50.0, 90.0, 70.0])
    monkeypatch.setattr(sweep, "recorded_requests", lambda *_: ["request"])
    monkeypatch.setattr(sweep, "candidates", lambda *_, **__: [Candidate(8, 0, 1), Candidate(16, 0, 1)])
    monkeypatch.setattr(sweep, "measure", lambda _, way, __: Measured(way, next(rates), 4.0, 9.0))
    assert main(["--model_base_path", "models", "--to", str(tmp_path)]) == 0
    parameters = text_config.read(str(tmp_path / "batching.config"), wire.BatchingParameters)
    assert parameters.max_batch_size.value == 8  # 90 answers a second
    assert text_config.read(
        str(tmp_path / "monitoring.config"), wire.MonitoringConfig
    ).prometheus_config.enable
    facts = json.loads((tmp_path / "sweep.json").read_text())
    assert [way["answers_per_second"] for way in facts["measured"]] == [50, 90, 70]
    assert facts["measured"][0]["candidate"] is None


@pytest.mark.parametrize(("folders", "message"), [([], "no version"), (["7"], "no request for 'recommend'")])
def test_without_recorded_requests_nothing_is_measured(tmp_path, capsys, folders, message):
    for name in folders:
        (tmp_path / name).mkdir()
    assert main(["--model_base_path", str(tmp_path), "--to", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
