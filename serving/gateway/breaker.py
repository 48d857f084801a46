"""A circuit breaker: a model server that fails again and again is left alone for a while."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """closed → open after `failures` failures in a row → half open after `pause` seconds, when one call tries:
    its success closes the breaker, its failure opens it anew.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, *, failures: int, pause: float, clock: Callable[[], float] = time.monotonic):
        self.failures = failures
        self.pause = pause
        self._clock = clock
        self._in_a_row = 0
        self._opened: float | None = None
        self._trying = False

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        if self._opened is None:
            return "closed"
        return "half-open" if self._clock() - self._opened >= self.pause else "open"

    def allows(self) -> bool:
        """Whether a call may be made now; its outcome must then be told."""
        if self.state == "closed":
            return True
        if self.state == "open" or self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._in_a_row, self._opened, self._trying = 0, None, False

    def failed(self) -> None:
        """A call was not answered, or the server is not well."""
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self.failures:
            self._opened, self._trying = self._clock(), False

    def abandoned(self) -> None:
        """A call ended without telling anything of the server, cancelled by its caller."""
        self._trying = False
