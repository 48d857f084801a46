"""Request counts and latencies under TensorFlow Serving's own Prometheus names."""

import threading
from bisect import bisect_left
from collections import defaultdict

BOUNDS = [10 * 1.8**power for power in range(33)]  # microseconds
QUEUE_BOUNDS = [100 * 1.2**power for power in range(52)]
EXAMPLE_BOUNDS = [float(2**power) for power in range(15)]
MOST_NAMES = 1000  # models asked for, served or not: what strangers make up may not fill the memory

REQUEST_COUNT = ":tensorflow:serving:request_count"
REQUEST_LATENCY = ":tensorflow:serving:request_latency"
RUNTIME_LATENCY = ":tensorflow:serving:runtime_latency"
QUEUING_LATENCY = ":tensorflow:serving:batching_session:queuing_latency"
BATCH_COUNT = ":tensorflow:serving:batching_session:wrapped_run_count"
EXAMPLES = ":tensorflow:serving:request_example_counts"
EXAMPLE_COUNT = ":tensorflow:serving:request_example_count_total"
WARMUP_LATENCY = ":tensorflow:serving:model_warmup_latency"
WARMUP_COUNT = ":tensorflow:serving:model_warmup_records_read"

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
        """One finished request; `status` is a canonical code's name. Beyond MOST_NAMES models share the name ""."""
        key = REQUEST_COUNT, (("model_name", model), ("status", status))
        with self._lock:
            if key not in self._counters and len(self._counters) >= MOST_NAMES:
                key = REQUEST_COUNT, (("model_name", ""), ("status", status))
            self._counters[key] += 1

    def observe_request(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """The time of one request through the whole server; `entrypoint` is GRPC or REST."""
        labels = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        self._observe(REQUEST_LATENCY, labels, 1e6 * seconds)

    def observe_runtime(self, model: str, api: str, seconds: float) -> None:
        """The time of one request in the model."""
        labels = (("model_name", model), ("API", api), ("runtime", "TF1"))
        self._observe(RUNTIME_LATENCY, labels, 1e6 * seconds)

    def observe_batch(self, pool: str, waits: list[float]) -> None:
        """One batch that is run now: the seconds that each of its tasks waited, and the threads' name."""
        with self._lock:
            self._counters[BATCH_COUNT, ()] += 1
        for wait in waits:
            self._observe(QUEUING_LATENCY, (("thread_pool_name", pool),), 1e6 * wait, QUEUE_BOUNDS)

    def observe_examples(self, model: str, count: int) -> None:
        """The tensorflow.Examples of one request."""
        labels = (("model", model),)
        with self._lock:
            self._counters[EXAMPLE_COUNT, labels] += count
        self._observe(EXAMPLES, labels, count, EXAMPLE_BOUNDS)

    def observe_warmup(self, path: str, status: str, seconds: float, records: int) -> None:
        """The recorded requests of a version that has been loaded, or could not be."""
        with self._lock:
            self._counters[WARMUP_COUNT, (("model_path", path),)] += records
        self._observe(WARMUP_LATENCY, (("model_path", path), ("status", status)), 1e6 * seconds)

    def _observe(self, name: str, labels: Labels, value: float, bounds: list[float] = BOUNDS) -> None:
        with self._lock:
            if (name, labels) not in self._histograms:
                self._histograms[name, labels] = Histogram(bounds)
            self._histograms[name, labels].add(value)

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
