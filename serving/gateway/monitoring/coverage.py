"""How much of the catalogue the newest lists show."""

from collections import Counter, deque
from collections.abc import Iterable


class CoverageWindow:
    """Distinct items of the newest `size` lists."""

    def __init__(self, *, size: int = 10_000):
        self._size = size
        self._lists: deque[list[str]] = deque()
        self._counts: Counter[str] = Counter()

    def add(self, items: Iterable[str]) -> None:
        """Takes one list in, and the oldest out."""
        newest = list(items)
        self._lists.append(newest)
        self._counts.update(newest)
        if len(self._lists) > self._size:
            for item in self._lists.popleft():
                self._counts[item] -= 1
                if not self._counts[item]:
                    del self._counts[item]

    def distinct(self) -> int:
        """How many items they show."""
        return len(self._counts)
