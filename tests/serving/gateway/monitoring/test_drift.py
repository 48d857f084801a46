"""Drift, coverage and what is told of them."""

import asyncio
import math
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.client import AsyncClient, FakeTransport, Recommendation, Slate
from serving.gateway import GatewayError
from serving.gateway.monitoring import Bins, Snapshot, observe
from serving.gateway.monitoring.coverage import CoverageWindow
from serving.gateway.monitoring.drift import FLOOR, DriftWindow
from serving.gateway.monitoring.snapshot import make_snapshot, save_snapshot


def test_psi_is_the_sum_over_bins():
    bins = Bins(edges=[1.0], shares=[0.5, 0.5])
    expected = (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)
    assert bins.psi([1, 3]) == pytest.approx(expected)
    assert bins.psi([2, 2]) == 0.0
    empty = (FLOOR - 0.5) * math.log(FLOOR / 0.5) + (1.0 - 0.5) * math.log(1.0 / 0.5)
    assert bins.psi([0, 9]) == pytest.approx(empty)


def test_bins_hold_about_equal_shares_and_repeated_values_share_one():
    bins = Bins.of([float(n) for n in range(1000)])
    assert bins.shares == pytest.approx([0.1] * 10, abs=0.002)
    assert Bins.of([0.0] * 90 + [5.0] * 10).shares == pytest.approx([0.0, 0.9, 0.1])
    assert Bins.of([3.0] * 50).shares == [0.0, 1.0]


def test_the_same_world_is_near_and_another_one_far():
    rng = random.Random(0)
    trained = Bins.of([rng.gauss(0, 1) for _ in range(5000)])
    same, moved = DriftWindow({"x": trained}), DriftWindow({"x": trained})
    for _ in range(2000):
        same.add({"x": rng.gauss(0, 1), "unknown": 1.0})
        moved.add({"x": rng.gauss(1, 1)})
    assert same.psi()["x"] < 0.05
    assert moved.psi()["x"] > 0.25
    for _ in range(2000):  # the window forgets what is older
        moved.add({"x": rng.gauss(0, 1)})
    assert moved.psi()["x"] < 0.05


def test_few_observations_say_nothing():
    window = DriftWindow({"x": Bins([0.0], [0.5, 0.5])})
    window.add({"x": 1.0})
    assert window.psi() == {}


def test_coverage_counts_distinct_items_of_the_newest_lists():
    window = CoverageWindow(size=2)
    for items in (["a", "b"], ["b", "c"], ["c"]):
        window.add(items)
    assert window.distinct() == 2  # b and c: the first list is forgotten


def test_what_is_observed_of_a_list():
    slate = Slate([Recommendation("a", 2.0, 0.0, 0.5, ""), Recommendation("b", 1.0, 0.0, 0.4, "")])
    assert observe(["a", "x", "y"], slate, {"a"}) == {
        "history_length": 3.0,
        "history_popularity": pytest.approx(1 / 3),
        "top_score": 2.0,
        "top_relevance": 0.5,
        "list_popularity": 0.5,
    }
    assert observe([], Slate(), {"a"}) == {"history_length": 0.0}


@pytest.fixture
def snapshot_file(tmp_path):
    """A snapshot of 40 users with 0 to 3 further items each."""
    rows = [(f"u{user}", f"i{item}", float(item)) for user in range(40) for item in range(1 + user % 4)]
    columns = dict(zip(("user_id", "item_id", "timestamp"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "interactions.parquet")

    async def make():
        fake = FakeTransport([f"i{n}" for n in range(30)], version=3)
        async with AsyncClient(transport=fake.asynchronous()) as client:
            return await make_snapshot(client, tmp_path, users=100)

    save_snapshot(asyncio.run(make()), tmp_path / "snapshot.json")
    return tmp_path / "snapshot.json"


def test_a_snapshot_is_made_kept_and_read(snapshot_file):
    found = Snapshot.load(snapshot_file)
    assert (found.model_version, found.users, found.items) == (3, 40, 4)
    lengths = found.features["history_length"]
    assert lengths.psi([round(40 * share) for share in lengths.shares]) == pytest.approx(0.0, abs=1e-9)
    snapshot_file.write_text("{}")
    with pytest.raises(GatewayError, match="cannot be read"):
        Snapshot.load(snapshot_file)


def test_metrics_tell_drift_coverage_and_fallbacks(gateway, fake, snapshot_file):
    with gateway(snapshot=snapshot_file, model={"failures": 1, "watch": 60.0}) as http:
        for n in range(250):  # histories far longer than any of training
            body = {"user_id": f"u{n}", "history": [f"i{m}" for m in range(10)], "k": 2}
            assert http.post("/v1/recommend", json=body).status_code == 200
        fake.fail_with("UNAVAILABLE")
        http.post("/v1/recommend", json={"user_id": "u", "k": 2})
        lines = dict(line.rsplit(" ", 1) for line in http.get("/metrics").text.splitlines() if line[0] != "#")
    figures = {name: float(value) for name, value in lines.items()}
    assert figures['tfrec_gateway_drift_psi{feature="history_length"}'] > 0.25
    assert figures["tfrec_gateway_lists_total"] == 251
    assert figures["tfrec_gateway_list_items_total"] == 502
    assert figures['tfrec_gateway_fallbacks_total{cause="unavailable"}'] == 1
    assert figures["tfrec_gateway_breaker_state"] == 2
    assert figures["tfrec_gateway_coverage_items"] == 4  # i10, i11, and the popular i0, i1
    assert figures["tfrec_gateway_coverage_share"] == 4 / 4
    assert figures['tfrec_gateway_requests_total{route="/v1/recommend",status="200"}'] == 251
    assert figures['tfrec_gateway_stage_seconds_count{stage="model"}'] == 251
