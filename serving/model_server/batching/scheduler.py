"""Who runs with whom, and when: TensorFlow Serving's shared batch scheduler with its queues and threads."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.model_server.batching.merging import merge, split
from serving.model_server.batching.settings import Settings
from serving.model_server.metrics import Metrics
from serving.model_server.status import StatusError
from serving.model_server.tensors import Array


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
        self.queued = time.monotonic()
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
        metrics: told of every batch.
        name: of the threads, in metrics.
    """

    def __init__(self, threads: int, *, metrics: Metrics | None = None, name: str = "batch_threads"):
        self._metrics = metrics or Metrics()
        self._name = name
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
            now = time.monotonic()
            self._metrics.observe_batch(self._name, [now - task.queued for task in batch.tasks])
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
