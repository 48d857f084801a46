"""What everybody gets when the model cannot be asked: its own list for nobody, remembered across restarts."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.client import Recommendation, Slate

REASON = "popular"


@dataclass(frozen=True)
class _Known:
    version: int
    items: list[tuple[str, float]]


class PopularItems:
    """The newest popular list, kept in the file `path`."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._known = _Known(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = _Known(0, [])

    @property
    def version(self) -> int:
        """The model version whose list this is; 0 if there is none yet."""
        return self._known.version

    @property
    def items(self) -> list[str]:
        """The ids, the best first."""
        return [item for item, _ in self._known.items]

    def remember(self, slate: Slate) -> None:
        """Takes over the model's list for nobody."""
        self._known = _Known(slate.version, [(item.item_id, item.score) for item in slate])
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        aside.write_text(json.dumps({"version": slate.version, "items": self._known.items}), encoding="utf-8")
        os.replace(aside, self.path)

    def slate(self, k: int, *, without: Sequence[str]) -> Slate:
        """The first `k` items that are not in `without`."""
        hidden = set(without)
        left = [(item, score) for item, score in self._known.items if item not in hidden]
        return Slate(
            (Recommendation(item, score, score, score, REASON) for item, score in left[:k]),
            version=self._known.version,
        )
