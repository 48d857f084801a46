"""How far today's requests and lists are from those of training: the population stability index.

PSI = Σ (live − trained) · ln(live / trained) over the bins of one feature. Below .1 is noise, above .25 the model
meets another world than it was trained in (Siddiqi, Credit Risk Scorecards, 2006, section 10.2).
"""

import json
import math
import statistics
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from serving.client import Slate
from serving.gateway.settings import GatewayError

BINS = 10
FLOOR = 1e-4  # share that an empty bin counts with: the logarithm has to stay finite
MIN_OBSERVED = 200  # fewer make every share look far away


@dataclass(frozen=True)
class Bins:
    """One feature at training: `shares[i]` of its values lie in the i-th of the bins that `edges` part."""

    edges: list[float]
    shares: list[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Bins":
        """Bins of about equal shares; values that repeat much share one."""
        cuts = statistics.quantiles(values, n=BINS, method="inclusive")
        edges = sorted(set(cuts))
        counts = [0] * (len(edges) + 1)
        for value in values:
            counts[bisect_right(edges, value)] += 1
        return cls(edges, [count / len(values) for count in counts])

    def psi(self, counts: Sequence[int]) -> float:
        """The index of live counts by bin."""
        total = sum(counts)
        pairs = [
            (max(count / total, FLOOR), max(share, FLOOR))
            for count, share in zip(counts, self.shares, strict=True)
        ]
        return sum((live - trained) * math.log(live / trained) for live, trained in pairs)


@dataclass(frozen=True)
class Snapshot:
    """What lists looked like when the model was new: `tfrec gateway snapshot` writes it."""

    model_version: int
    users: int
    items: int  # of the catalogue that was met in training
    features: dict[str, Bins]

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """A snapshot file.

        Raises:
            GatewayError: it is none.
        """
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            features = {name: Bins(**bins) for name, bins in stored.pop("features").items()}
            return cls(**stored, features=features)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise GatewayError(f"The snapshot {path} cannot be read: {error!r}.") from error


class DriftWindow:
    """The newest `size` observations of each feature, by the snapshot's bins."""

    def __init__(self, features: Mapping[str, Bins], *, size: int = 2_000):
        self._features = features
        self._size = size
        self._counts = {name: [0] * len(bins.shares) for name, bins in features.items()}
        self._seen: dict[str, deque[int]] = {name: deque() for name in features}

    def add(self, observed: Mapping[str, float]) -> None:
        """Takes one request's features in, and the oldest out."""
        for name, bins in self._features.items():
            if name not in observed:
                continue
            place = bisect_right(bins.edges, observed[name])
            self._counts[name][place] += 1
            self._seen[name].append(place)
            if len(self._seen[name]) > self._size:
                self._counts[name][self._seen[name].popleft()] -= 1

    def psi(self) -> dict[str, float]:
        """The index of each feature that was observed often enough."""
        return {
            name: bins.psi(self._counts[name])
            for name, bins in self._features.items()
            if len(self._seen[name]) >= MIN_OBSERVED
        }


def observe(history: Sequence[str], slate: Slate, popular: Set[str]) -> dict[str, float]:
    """The features of one answered request: of what came in, and of what went out."""
    observed = {"history_length": float(len(history))}
    if history:
        observed["history_popularity"] = sum(item in popular for item in history) / len(history)
    if slate:
        observed["top_score"] = slate[0].score
        observed["top_relevance"] = slate[0].ranking_score
        observed["list_popularity"] = sum(item.item_id in popular for item in slate) / len(slate)
    return observed
