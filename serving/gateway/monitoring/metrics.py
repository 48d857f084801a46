"""The gateway's Prometheus metrics: the one door to prometheus_client."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.client import Slate
from serving.gateway.monitoring.coverage import CoverageWindow
from serving.gateway.monitoring.drift import DriftWindow, Snapshot, observe

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}


class GatewayMetrics:
    """Everything that is counted, in a registry of its own.

    Args:
        snapshot: what training looked like; without it nothing is said of drift and of the share covered.
    """

    def __init__(self, snapshot: Snapshot | None = None):
        self.registry = CollectorRegistry()
        self._snapshot = snapshot
        self._drift = DriftWindow(snapshot.features if snapshot else {})
        self._coverage = CoverageWindow()
        self._popular: frozenset[str] = frozenset()
        self.requests = self._counter("requests", "Finished requests", "route", "status")
        self.seconds = self._histogram("request_seconds", "Time of a request", "route")
        self.stage_seconds = self._histogram("stage_seconds", "Time of one stage of recommend", "stage")
        self.fallbacks = self._counter("fallbacks", "Lists that the model did not make", "cause")
        self.lists = self._counter("lists", "Lists served")
        self.list_items = self._counter("list_items", "Items served in lists")
        self.events = self._counter("events", "Events acknowledged", "kind")
        self.limited = self._counter("rate_limited", "Requests refused for their rate", "caller")
        self.store_errors = self._counter("store_errors", "Calls of the feature store that failed")
        self._breaker = self._gauge("breaker_state", "0 closed, 1 half open, 2 open")
        self._version = self._gauge("model_version", "Newest available version of the model; 0 while none is")
        self._items = self._gauge("coverage_items", "Distinct items in the newest 10,000 lists")
        self._share = self._gauge("coverage_share", "The same as a share of the items known at training")
        self._psi = self._gauge("drift_psi", "Population stability index against the snapshot", "feature")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures one stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - start)

    def served(self, history: Sequence[str], slate: Slate, *, by_model: bool) -> None:
        """One list went out; drift looks at the model's own alone."""
        self.lists.inc()
        self.list_items.inc(len(slate))
        self._coverage.add(item.item_id for item in slate)
        if by_model:
            self._drift.add(observe(history, slate, self._popular))

    def text(self, *, breaker: str, version: int) -> bytes:
        """All metrics in Prometheus' text format."""
        self._breaker.set(_BREAKER[breaker])
        self._version.set(version)
        self._items.set(self._coverage.distinct())
        if self._snapshot:
            self._share.set(self._coverage.distinct() / self._snapshot.items)
        for feature, value in self._drift.psi().items():
            self._psi.labels(feature).set(value)
        return generate_latest(self.registry)

    def know_popular(self, items: Sequence[str]) -> None:
        """The items that count as popular when drift is measured."""
        self._popular = frozenset(items)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tfrec_gateway_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tfrec_gateway_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"tfrec_gateway_{name}", text, labels, registry=self.registry, buckets=_SECONDS)
