"""How often each caller may ask: one token bucket each, in this process's memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_BUCKETS = 100_000  # callers remembered; the longest silent is forgotten first


class RateLimit:
    """Buckets that fill at the caller's rate and hold two seconds' worth.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → (tokens, when)

    def wait(self, name: str, rate: float) -> float:
        """Takes one token and returns 0, or takes none and returns the seconds until there is one."""
        if rate == float("inf"):
            return 0.0
        now, burst = self._clock(), max(1.0, 2 * rate)
        tokens, since = self._buckets.pop(name, (burst, now))
        tokens = min(burst, tokens + rate * (now - since))
        allowed = tokens >= 1.0
        self._buckets[name] = (tokens - allowed, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / rate
