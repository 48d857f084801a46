"""A model whose runs are batched: takes the place of the model itself."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.model_server.batching.scheduler import BatchQueue, BatchScheduler, Task
from serving.model_server.batching.settings import Settings
from serving.model_server.status import invalid_argument
from serving.model_server.tensors import Array


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
