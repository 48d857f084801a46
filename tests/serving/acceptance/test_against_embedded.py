"""The embedded server passes everything, with and without batching; a server that is not there passes nothing."""

import pytest

from serving.acceptance import grpc_checks, rest_checks
from serving.acceptance.check import Target, run
from serving.model_server.process import running_server

BATCHING = """
max_batch_size { value: 16 }
batch_timeout_micros { value: 5000 }
num_batch_threads { value: 2 }
pad_variable_length_inputs: true
"""


@pytest.mark.parametrize("batching", [False, True])
def test_the_embedded_server_passes(world_models, tmp_path, batching):
    flags = []
    if batching:
        (tmp_path / "batching.config").write_text(BATCHING)
        flags = ["--enable_batching", f"--batching_parameters_file={tmp_path / 'batching.config'}"]
    with running_server(world_models, flags=flags) as server:
        target = Target(server.grpc_address, server.rest_address, "recommender")
        outcomes = run([*grpc_checks.CHECKS, *rest_checks.CHECKS], target)
    assert [(o.name, o.detail) for o in outcomes if o.state != "passed"] == []
    assert len(outcomes) == len(grpc_checks.CHECKS) + len(rest_checks.CHECKS)


def test_nothing_passes_without_a_server():
    target = Target("127.0.0.1:1", "127.0.0.1:1", "recommender")
    checks = [*grpc_checks.REFUSED[:2], grpc_checks.list_is_ordered, *rest_checks.CHECKS]
    assert {outcome.state for outcome in run(checks, target)} == {"failed"}
