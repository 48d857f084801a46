"""Dynamic batching: requests that arrive together run as one, as TensorFlow Serving's shared batch scheduler
does it.

    Batched.run → one queue for each set of feeds and fetches → a batch thread merges, runs once, splits

Rows of different width are padded with the tensor's own FIRST element; a batch is filled up to an allowed
size with copies of a row of its last request.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import Array


@dataclass(frozen=True)
class Settings:
    """The parameters of a batching parameters file, with TensorFlow Serving's defaults. `timeout` is in
    seconds."""

    max_batch_size: int = 1000
    timeout: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = os.cpu_count() or 1
    allowed_sizes: tuple[int, ...] = ()
    pad: bool = False
    split_large: bool = False
    max_execution_batch_size: int = 1000

    @classmethod
    def from_proto(cls, proto: Any) -> "Settings":
        """Settings of a BatchingParameters message.

        Raises:
            StatusError: INVALID_ARGUMENT, the allowed sizes do not increase up to the largest batch.
        """
        size = _value(proto, "max_batch_size", cls.max_batch_size)
        execution = _value(proto, "max_execution_batch_size", size)
        split = _value(proto, "enable_large_batch_splitting", False)
        allowed = tuple(proto.allowed_batch_sizes)
        largest = execution if split else size
        if allowed and (list(allowed) != sorted(set(allowed)) or allowed[-1] != largest):
            raise invalid_argument(
                "allowed_batch_sizes entries must be monotonically increasing, and the last one must match "
                "max_batch_size; "
                f"last entry was {allowed[-1]}; expected {largest}"
            )
        return cls(
            max_batch_size=size,
            timeout=_value(proto, "batch_timeout_micros", 0) / 1e6,
            max_enqueued_batches=_value(proto, "max_enqueued_batches", cls.max_enqueued_batches),
            threads=_value(proto, "num_batch_threads", cls.threads),
            allowed_sizes=allowed,
            pad=proto.pad_variable_length_inputs,
            split_large=split,
            max_execution_batch_size=execution,
        )

    @property
    def largest_run(self) -> int:
        """Rows that one run of the model may have."""
        return self.max_execution_batch_size if self.split_large else self.max_batch_size

    def rounded(self, size: int) -> int:
        """The smallest allowed size that holds `size` rows."""
        return next((allowed for allowed in self.allowed_sizes if allowed >= size), size)


def _value(proto: Any, name: str, default: Any) -> Any:
    return getattr(proto, name).value if proto.HasField(name) else default


class Task:
    """One request's rows, waiting.

    A bare lock wakes the waiter: an Event would cost a third of a request's time.

    Args:
        feeds: tensor name → array.
        size: rows of each array.
    """

    def __init__(self, feeds: Mapping[str, Array], size: int):
        self.feeds = feeds
        self.size = size
        self._result: list[Array] | None = None
        self._error: Exception | None = None
        self._pending = threading.Lock()
        self._pending.acquire()

    def finish(self, result: list[Array] | None, error: Exception | None = None) -> None:
        """Hands the outcome over; called once, by a batch thread."""
        self._result, self._error = result, error
        self._pending.release()

    def wait(self) -> list[Array]:
        """The outputs, or the error raised; called once."""
        self._pending.acquire()
        if self._error is not None:
            raise self._error
        return self._result or []


@dataclass(eq=False)
class Batch:
    """Tasks that will run together."""

    opened: float = field(default_factory=time.monotonic)
    size: int = 0
    tasks: list[Task] = field(default_factory=list)

    def add(self, task: Task) -> None:
        self.tasks.append(task)
        self.size += task.size


class BatchScheduler:
    """The batch threads, shared by the queues of all models.

    Args:
        threads: batches that run at a time.
    """

    def __init__(self, threads: int):
        self._changed = threading.Condition()
        self._queues: deque[BatchQueue] = deque()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{n}", daemon=True) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, queue: "BatchQueue") -> None:
        with self._changed:
            self._queues.append(queue)

    def remove(self, queues: Iterable["BatchQueue"]) -> None:
        with self._changed:
            for queue in queues:
                self._queues.remove(queue)

    def enqueue(self, queue: "BatchQueue", tasks: Sequence[Task]) -> None:
        """Puts tasks into the queue's batches.

        Raises:
            StatusError: UNAVAILABLE, the queue is full.
        """
        with self._changed:
            queue.check_room(tasks)
            news = [queue.append(task) for task in tasks]
            if any(news):  # a batch that merely grew is no news to the batch threads
                self._changed.notify(len(tasks))

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                found = self._next()
                while found is None:
                    if self._stopped:
                        return
                    self._changed.wait(self._time_to_next())
                    found = self._next()
            queue, batch = found
            queue.run(batch)

    def _next(self) -> "tuple[BatchQueue, Batch] | None":
        now = time.monotonic()
        for _ in range(len(self._queues)):
            queue = self._queues[0]
            self._queues.rotate(-1)  # the next look begins at another queue, so none starves
            if (batch := queue.pop_ready(now)) is not None:
                return queue, batch
        return None

    def _time_to_next(self) -> float | None:
        waits = [queue.due() for queue in self._queues if queue.batches]
        return max(0.0, min(waits) - time.monotonic()) if waits else None


class BatchQueue:
    """The waiting batches of one set of feeds and fetches of one model version."""

    def __init__(self, model: Any, fetches: Sequence[str], settings: Settings):
        self.batches: deque[Batch] = deque()
        self._model = model
        self._fetches = fetches
        self._settings = settings

    # called with the scheduler's lock

    def check_room(self, tasks: Sequence[Task]) -> None:
        free = self._settings.max_enqueued_batches - len(self.batches)
        if self.batches and self._fits(self.batches[-1], tasks[0]):
            free += 1
        if free < len(tasks):
            raise StatusError(
                "UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full"
            )

    def append(self, task: Task) -> bool:
        """True if a batch was opened or filled by it."""
        opened = not self.batches or not self._fits(self.batches[-1], task)
        if opened:
            self.batches.append(Batch())
        self.batches[-1].add(task)
        return opened or self.batches[-1].size >= self._settings.largest_run

    def _fits(self, batch: Batch, task: Task) -> bool:
        return batch.size + task.size <= self._settings.largest_run

    def due(self) -> float:
        return self.batches[0].opened + self._settings.timeout

    def pop_ready(self, now: float) -> Batch | None:
        """The first batch if it is closed, full, or has waited long enough."""
        if not self.batches:
            return None
        full = len(self.batches) > 1 or self.batches[0].size >= self._settings.largest_run
        return self.batches.popleft() if full or now >= self.due() else None

    # called by a batch thread

    def run(self, batch: Batch) -> None:
        """Merges, runs and splits; whatever goes wrong goes wrong for all tasks of the batch."""
        try:
            padding = self._settings.rounded(batch.size) - batch.size
            merged = {
                name: merge(
                    [task.feeds[name] for task in batch.tasks],
                    name,
                    pad=self._settings.pad,
                    extra_rows=padding,
                )
                for name in batch.tasks[0].feeds
            }
            outputs = [np.asarray(value) for value in self._model.run(merged, self._fetches)]
            parts = split(outputs, [task.size for task in batch.tasks], batch.size + padding)
        except Exception as error:
            for task in batch.tasks:
                task.finish(None, error)
            return
        for task, part in zip(batch.tasks, parts, strict=True):
            task.finish(part)


def merge(arrays: Sequence[Array], name: str, *, pad: bool, extra_rows: int = 0) -> Array:
    """Arrays [n_i, ...] one below the other → [sum of n_i + extra_rows, ...].

    Args:
        pad: widen each array to the widest, with its own first element; else unequal widths are an error.
        extra_rows: copies of the first row of the last array, appended.

    Raises:
        StatusError: the arrays cannot be merged.
    """
    if len({array.shape[1:] for array in arrays}) > 1:
        if not pad:
            raise StatusError(
                "FAILED_PRECONDITION",
                f"Tensors with name '{name}' from different tasks have different shapes and padding is "
                "turned off. "
                "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name "
                "have equal dimensions starting with the first dim.",
            )
        arrays = _padded(arrays, name)
    rows = [arrays[-1][:1]] * extra_rows
    return np.concatenate([*arrays, *rows]) if len(arrays) + extra_rows > 1 else arrays[0]


def _padded(arrays: Sequence[Array], name: str) -> list[Array]:
    if len({array.ndim for array in arrays}) > 1:
        raise invalid_argument(f"Tensors with name '{name}' from different tasks have different ranks.")
    if any(not array.size for array in arrays):
        raise invalid_argument(f"Got empty tensor in batch of non-empty tensors: '{name}'.")
    widest = np.max([array.shape[1:] for array in arrays], axis=0)
    result = []
    for array in arrays:
        wide = np.full((array.shape[0], *widest), array.flat[0], array.dtype)
        wide[tuple(slice(size) for size in array.shape)] = array
        result.append(wide)
    return result


def split(outputs: Sequence[Array], sizes: Sequence[int], rows: int) -> list[list[Array]]:
    """One list of output arrays for each task; rows beyond the tasks' own are dropped.

    Raises:
        StatusError: FAILED_PRECONDITION, an output does not have the batch as dimension 0.
    """
    for output in outputs:
        if output.ndim == 0:
            raise StatusError("FAILED_PRECONDITION", "Batched output tensor has 0 dimensions")
        if output.shape[0] != rows:
            raise StatusError(
                "FAILED_PRECONDITION",
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of "
                "the input tensors",
            )
    ends = np.cumsum(sizes)
    return [[output[end - size : end] for output in outputs] for size, end in zip(sizes, ends, strict=True)]


class Batched:
    """A model whose runs go through the scheduler; offers what the model offers.

    Args:
        model: a SavedModel.
        scheduler: the shared batch threads.
        settings: sizes and times of this model's batches.
    """

    def __init__(self, model: Any, scheduler: BatchScheduler, settings: Settings):
        self.signatures = model.signatures
        self._model = model
        self._scheduler = scheduler
        self._settings = settings
        self._queues: dict[tuple[Any, Any], BatchQueue] = {}
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
        """As SavedModel.run, together with whoever asks the same at the same time."""
        size = _row_count(feeds)
        tasks = [Task(part, rows) for part, rows in self._parts(feeds, size)]
        self._scheduler.enqueue(self._queue(tuple(sorted(feeds)), tuple(fetches)), tasks)
        results = [task.wait() for task in tasks]
        return (
            results[0]
            if len(results) == 1
            else [np.concatenate(parts) for parts in zip(*results, strict=True)]
        )

    def _parts(self, feeds: Mapping[str, Array], size: int) -> list[tuple[Mapping[str, Array], int]]:
        largest = self._settings.largest_run
        if size > self._settings.max_batch_size:
            raise invalid_argument(
                f"Task size {size} is larger than maximum input batch size {self._settings.max_batch_size}"
            )
        if size <= largest:
            return [(feeds, size)]
        return [
            (
                {name: array[start : start + largest] for name, array in feeds.items()},
                min(largest, size - start),
            )
            for start in range(0, size, largest)
        ]

    def _queue(self, names: tuple[str, ...], fetches: tuple[str, ...]) -> BatchQueue:
        key = (names, fetches)
        with self._lock:
            if key not in self._queues:
                self._queues[key] = BatchQueue(self._model, fetches, self._settings)
                self._scheduler.add(self._queues[key])
            return self._queues[key]

    def close(self) -> None:
        self._scheduler.remove(self._queues.values())
        self._model.close()


def _row_count(feeds: Mapping[str, Array]) -> int:
    if any(array.ndim == 0 for array in feeds.values()):
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    sizes = {array.shape[0] for array in feeds.values()}
    if len(sizes) != 1:
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return int(sizes.pop())
