"""Request counts and latencies under TensorFlow Serving's own Prometheus names."""

import threading
from bisect import bisect_left
from collections import defaultdict

BOUNDS = [10 * 1.8**power for power in range(33)]  # microseconds
QUEUE_BOUNDS = [100 * 1.2**power for power in range(52)]

REQUEST_COUNT = ":tensorflow:serving:request_count"
REQUEST_LATENCY = ":tensorflow:serving:request_latency"
RUNTIME_LATENCY = ":tensorflow:serving:runtime_latency"
QUEUING_LATENCY = ":tensorflow:serving:batching_session:queuing_latency"
BATCH_COUNT = ":tensorflow:serving:batching_session:wrapped_run_count"

Labels = tuple[tuple[str, str], ...]


class Histogram:
    """Counts by bucket, and their sum."""

    def __init__(self, bounds: list[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Metrics:
    """All metrics of a server. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, Labels], int] = defaultdict(int)
        self._histograms: dict[tuple[str, Labels], Histogram] = {}

    def count_request(self, model: str, status: str) -> None:
        """One finished request; `status` is a canonical code's name."""
        with self._lock:
            self._counters[REQUEST_COUNT, (("model_name", model), ("status", status))] += 1

    def observe_request(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """The time of one request through the whole server; `entrypoint` is GRPC or REST."""
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        self._observe(REQUEST_LATENCY, labels, seconds)

    def observe_runtime(self, model: str, api: str, seconds: float) -> None:
        """The time of one request in the model."""
        self._observe(RUNTIME_LATENCY, (("model_name", model), ("API", api), ("runtime", "TF1")), seconds)

    def observe_batch(self, pool: str, waits: list[float]) -> None:
        """One batch that is run now: the seconds that each of its tasks waited, and the threads' name."""
        labels = (("thread_pool_name", pool),)
        with self._lock:
            self._counters[BATCH_COUNT, labels] += 1
        for wait in waits:
            self._observe(QUEUING_LATENCY, labels, wait, QUEUE_BOUNDS)

    def _observe(self, name: str, labels: Labels, seconds: float, bounds: list[float] = BOUNDS) -> None:
        with self._lock:
            if (name, labels) not in self._histograms:
                self._histograms[name, labels] = Histogram(bounds)
            self._histograms[name, labels].add(1e6 * seconds)

    def value(self, name: str) -> int:
        """The sum of a counter over all its labels; 0 if there is none of that name."""
        with self._lock:
            return sum(count for (known, _), count in self._counters.items() if known == name)

    def text(self) -> str:
        """The Prometheus text format, with TYPE lines only."""
        lines: list[str] = []
        with self._lock:
            for name in sorted({name for name, _ in self._counters}):
                lines.append(f"# TYPE {name} counter")
                found = ((labels, n) for (known, labels), n in self._counters.items() if known == name)
                lines += [f"{name}{{{_text(labels)}}} {n}" for labels, n in found]
            for name in sorted({name for name, _ in self._histograms}):
                lines.append(f"# TYPE {name} histogram")
                for (known, labels), histogram in self._histograms.items():
                    if known == name:
                        lines += _histogram_lines(name, labels, histogram)
        return "\n".join(lines) + "\n"


def _histogram_lines(name: str, labels: Labels, histogram: Histogram) -> list[str]:
    lines, total = [], 0
    for bound, count in zip([*histogram.bounds, float("inf")], histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound == float("inf") else f"{bound:g}"
        lines.append(f"{name}_bucket{{{_text((*labels, ('le', le)))}}} {total}")
    return [
        *lines,
        f"{name}_sum{{{_text(labels)}}} {histogram.sum:g}",
        f"{name}_count{{{_text(labels)}}} {total}",
    ]


def _text(labels: Labels) -> str:
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
