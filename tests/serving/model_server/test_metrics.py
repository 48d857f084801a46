"""What is counted, and how Prometheus reads it."""

from serving.model_server.metrics import MOST_NAMES, Metrics


def lines(metrics: Metrics) -> dict[str, str]:
    """Name with labels → value."""
    return dict(line.rsplit(" ", 1) for line in metrics.text().splitlines() if line[0] != "#")


def test_a_histogram_counts_up_to_each_bound():
    metrics = Metrics()
    for seconds in (5e-6, 15e-6, 1.0):
        metrics.observe_request("m", "Predict", "GRPC", seconds)
    found, labels = lines(metrics), 'model_name="m",API="Predict",entrypoint="GRPC"'
    name = ":tensorflow:serving:request_latency"
    assert [found[f'{name}_bucket{{{labels},le="{bound}"}}'] for bound in ("10", "18", "+Inf")] == [
        "1",
        "2",
        "3",
    ]
    assert float(found[f"{name}_sum{{{labels}}}"]) == 5 + 15 + 1e6


def test_examples_are_counted_by_model():
    metrics = Metrics()
    for count in (1, 3):
        metrics.observe_examples("m", count)
    found = lines(metrics)
    assert found[':tensorflow:serving:request_example_count_total{model="m"}'] == "4"
    assert found[':tensorflow:serving:request_example_counts_bucket{model="m",le="2"}'] == "1"


def test_a_warm_up_tells_its_time_and_records():
    metrics = Metrics()
    metrics.observe_warmup("/m/1", "OK", 0.5, 6)
    found = lines(metrics)
    assert found[':tensorflow:serving:model_warmup_records_read{model_path="/m/1"}'] == "6"
    assert found[':tensorflow:serving:model_warmup_latency_sum{model_path="/m/1",status="OK"}'] == "500000"


def test_names_that_strangers_make_up_do_not_fill_the_memory():
    metrics = Metrics()
    for number in range(MOST_NAMES + 50):
        metrics.count_request(f"made-up-{number}", "NOT_FOUND")
    assert metrics.value(":tensorflow:serving:request_count") == MOST_NAMES + 50
    assert lines(metrics)[':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"}'] == "50"
