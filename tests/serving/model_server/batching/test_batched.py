"""Merging, padding, splitting, and the scheduler, with a numpy function as the model."""

import threading
import time

import numpy as np
import pytest
from google.protobuf import text_format

from serving import wire
from serving.model_server.batching import Batched, BatchScheduler, Settings
from serving.model_server.batching.merging import merge, split
from serving.model_server.metrics import Metrics
from serving.model_server.status import StatusError


def parameters(text):
    return Settings.from_proto(text_format.Parse(text, wire.BatchingParameters(), descriptor_pool=wire.POOL))


def strings(rows):
    return np.array(rows, object)


def test_a_narrow_request_is_filled_with_its_own_first_element():
    merged = merge([strings([["", "a"]]), strings([["x", "b", "c"], ["d", "e", "f"]])], "h", pad=True)
    assert merged.tolist() == [["", "a", ""], ["x", "b", "c"], ["d", "e", "f"]]
    merged = merge([np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]])], "h", pad=True)
    assert merged.tolist() == [
        [1.0, 1.0],
        [2.0, 1.0],
        [3.0, 4.0],
    ]  # row 2 gets the tensor's first element, not its own


def test_histories_of_three_and_nine_keep_their_items_when_the_first_is_empty():
    short, long = [["", "a", "b", "c"]], [["", *"abcdefghi"]]
    merged = merge([strings(short), strings(long)], "history", pad=True)
    assert [[item for item in row if item] for row in merged.tolist()] == [["a", "b", "c"], [*"abcdefghi"]]


def test_an_empty_tensor_cannot_be_padded():
    with pytest.raises(StatusError, match="Got empty tensor in batch of non-empty tensors"):
        merge([np.zeros((1, 0)), np.zeros((1, 2))], "h", pad=True)


def test_without_padding_widths_must_agree():
    with pytest.raises(
        StatusError, match=r"FAILED_PRECONDITION: Tensors with name 'h'.*padding is turned off"
    ):
        merge([np.zeros((1, 1)), np.zeros((1, 2))], "h", pad=False)


def test_extra_rows_copy_the_first_row_of_the_last_request():
    merged = merge([np.array([[1]]), np.array([[2], [3]])], "h", pad=False, extra_rows=2)
    assert merged.ravel().tolist() == [1, 2, 3, 2, 2]


def test_split_gives_each_its_rows_and_drops_the_rest():
    first, second = split([np.arange(5), np.arange(10).reshape(5, 2)], [1, 3], rows=5)
    assert [part.tolist() for part in first] == [[0], [[0, 1]]]
    assert [part.tolist() for part in second] == [[1, 2, 3], [[2, 3], [4, 5], [6, 7]]]


@pytest.mark.parametrize("output", [np.float32(1), np.zeros(3)])
def test_an_output_without_the_batch_dimension_fails(output):
    with pytest.raises(StatusError, match="FAILED_PRECONDITION: Batched output tensor"):
        split([np.asarray(output)], [2], rows=2)


def test_the_parameters_file():
    settings = parameters(
        "max_batch_size { value: 64 } batch_timeout_micros { value: 2000 } num_batch_threads { value: 3 } "
        "max_enqueued_batches { value: 7 } allowed_batch_sizes: 8 allowed_batch_sizes: 64 "
        "pad_variable_length_inputs: true"
    )
    assert settings == Settings(64, 0.002, 7, 3, (8, 64), True, False, 64)
    assert [settings.rounded(size) for size in (1, 8, 9, 64)] == [8, 8, 64, 64]
    assert parameters("").max_batch_size == 1000


@pytest.mark.parametrize(
    "sizes", ["allowed_batch_sizes: 8", "allowed_batch_sizes: 64 allowed_batch_sizes: 8"]
)
def test_allowed_sizes_must_increase_to_the_largest(sizes):
    with pytest.raises(StatusError, match="INVALID_ARGUMENT: allowed_batch_sizes"):
        parameters("max_batch_size { value: 64 } " + sizes)


class Model:
    """y = 2 x, and a record of the batches that came."""

    signatures: dict = {}  # noqa: RUF012

    def __init__(self, delay=0.0):
        self.delay, self.batches = delay, []

    def run(self, feeds, fetches):
        self.batches.append(feeds["x"].shape)
        time.sleep(self.delay)
        if (feeds["x"] < 0).any():
            raise StatusError("INVALID_ARGUMENT", "negative")
        return [feeds["x"] * 2 for _ in fetches]

    def close(self):
        self.batches.append("closed")


@pytest.fixture
def batched():
    made = []

    def make(model, text):
        settings = parameters(text)
        scheduler = BatchScheduler(settings.threads)
        made.append(scheduler)
        return Batched(model, scheduler, settings)

    yield make
    for scheduler in made:
        scheduler.stop()


def together(batched, inputs):
    results = [None] * len(inputs)

    def ask(index):
        try:
            results[index] = batched.run({"x": inputs[index]}, ["y"])[0].tolist()
        except StatusError as error:
            results[index] = str(error)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(inputs))]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    return results


def test_requests_that_arrive_together_run_as_one(batched):
    model = Model()
    slow = batched(model, "max_batch_size { value: 4 } batch_timeout_micros { value: 2000000 }")
    start = time.monotonic()
    inputs = [np.array([[float(n)]]) for n in range(8)]
    assert together(slow, inputs) == [[[2.0 * n]] for n in range(8)]
    assert model.batches == [(4, 1), (4, 1)]
    assert time.monotonic() - start < 1.0  # a full batch does not wait


def test_metrics_tell_batches_and_how_long_requests_waited():
    metrics = Metrics()
    scheduler = BatchScheduler(1, metrics=metrics, name="pool")
    settings = parameters("max_batch_size { value: 2 } batch_timeout_micros { value: 30000 }")
    assert together(Batched(Model(), scheduler, settings), [np.array([[1.0]])] * 3) == [[[2.0]]] * 3
    scheduler.stop()
    lines = dict(line.rsplit(" ", 1) for line in metrics.text().splitlines() if line[0] != "#")
    queue = ":tensorflow:serving:batching_session:queuing_latency"
    pool = 'thread_pool_name="pool"'
    assert lines[":tensorflow:serving:batching_session:wrapped_run_count{}"] == "2"
    assert lines[f"{queue}_count{{{pool}}}"] == "3"
    assert float(lines[f"{queue}_sum{{{pool}}}"]) >= 30_000  # the third waited for the timeout alone


def test_a_lonely_request_waits_only_for_the_timeout(batched):
    model = Model()
    lonely = batched(
        model, "max_batch_size { value: 4 } batch_timeout_micros { value: 30000 } allowed_batch_sizes: 4"
    )
    start = time.monotonic()
    assert lonely.run({"x": np.array([[3.0]])}, ["y"])[0].tolist() == [[6.0]]
    assert 0.03 <= time.monotonic() - start < 0.5
    assert model.batches == [(4, 1)]


def test_a_failure_is_everybodys(batched):
    both = batched(Model(), "max_batch_size { value: 2 } batch_timeout_micros { value: 2000000 }")
    assert together(both, [np.array([[1.0]]), np.array([[-1.0]])]) == ["INVALID_ARGUMENT: negative"] * 2


def test_limits(batched):
    small = batched(Model(), "max_batch_size { value: 2 }")
    with pytest.raises(StatusError, match="Task size 3 is larger than maximum input batch size 2"):
        small.run({"x": np.zeros((3, 1))}, ["y"])
    with pytest.raises(StatusError, match="at least one dimension"):
        small.run({"x": np.float64(1)}, ["y"])
    with pytest.raises(StatusError, match="equal 0th-dimension size"):
        small.run({"x": np.zeros((1, 1)), "z": np.zeros((2, 1))}, ["y"])


def test_a_full_queue_refuses(batched):
    busy = batched(
        Model(delay=0.3),
        "max_batch_size { value: 1 } max_enqueued_batches { value: 1 } num_batch_threads { value: 1 }",
    )
    results = together(busy, [np.array([[1.0]])] * 4)
    assert [[2.0]] in results
    assert sum(str(result).startswith("UNAVAILABLE: The batch scheduling queue") for result in results) == 2


def test_a_large_request_is_split_when_allowed(batched):
    model = Model()
    wide = batched(
        model,
        "max_batch_size { value: 100 } max_execution_batch_size { value: 4 }"
        "enable_large_batch_splitting { value: true }",
    )
    x = np.arange(10.0)[:, None]
    assert wide.run({"x": x}, ["y"])[0].tolist() == (2 * x).tolist()
    assert sorted(shape[0] for shape in model.batches) == [2, 4, 4]


def test_closing_closes_the_model(batched):
    model = Model()
    closing = batched(model, "")
    closing.run({"x": np.zeros((1, 1))}, ["y"])
    closing.close()
    assert model.batches[-1] == "closed"
