"""metrics.json and ranks.parquet on disk: written aside and moved into place, six digits, never NaN.

The names of the files live here, because writers (`tfrec evaluate`) and readers (`compare.py`, the pipeline's
evaluator) must agree on them.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfrec.data.splits import Targets
from tfrec.evaluation.protocol import Ranking

METRICS_FILE = "metrics.json"
RANKS_FILE = "ranks.parquet"
REPORT_FILE = "report.html"

_SECTIONS = ("protocol", "stages", "baselines")
_DIGITS = 6


def write_metrics(metrics: Mapping[str, Any], path: Path) -> None:
    """Writes metrics as JSON, floats rounded to six digits.

    Raises:
        ValueError: a number is NaN or infinite (unknown must be None), or a value is no JSON; with its key.
    """
    text = json.dumps(_plain(metrics, "metrics"), indent=2, ensure_ascii=False, allow_nan=False)
    replace_text(path, text + "\n")


def read_metrics(path: Path) -> dict[str, Any]:
    """Reads what `write_metrics` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a metrics file.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON ({error}): run `tfrec evaluate` again") from error
    missing = [key for key in _SECTIONS if not isinstance(metrics, dict) or key not in metrics]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}, so it is no metrics file: run `tfrec evaluate` again"
        )
    return dict(metrics)


def write_ranks(
    rankings: Mapping[str, Ranking],
    targets: Targets,
    path: Path,
    *,
    user_ids: NDArray[np.object_],
    item_ids: NDArray[np.object_],
) -> None:
    """Writes the rank of every target for every stage or baseline: user_id, item_id, stage, rank.

    Args:
        rankings: of the same targets, by the name of the stage or baseline.
        targets: as in `rank_targets`.
        path: where to; the folder is made if need be.
        user_ids: strings `[users]`, the id of each user number.
        item_ids: strings `[items]`, the id of each position.
    """
    tables = [
        pd.DataFrame(
            {
                "user_id": user_ids[targets.user],
                "item_id": item_ids[targets.item],
                "stage": name,
                "rank": ranking.rank,
            }
        )
        for name, ranking in rankings.items()
    ]
    aside = _aside(path)
    pd.concat(tables, ignore_index=True).to_parquet(aside, index=False)
    os.replace(aside, path)


def replace_text(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all."""
    aside = _aside(path)
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _aside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}")


def _plain(value: Any, key: str) -> Any:
    """The value in JSON's own types; `key` is its path, for errors."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _rounded(value, key)
    if isinstance(value, Mapping):
        return {str(name): _plain(part, f"{key}.{name}") for name, part in value.items()}
    if isinstance(value, Sequence | np.ndarray):
        return [_plain(part, f"{key}[{place}]") for place, part in enumerate(value)]
    raise ValueError(f"`{key}` must be a number, text, list or mapping. Received: {type(value).__name__}")


def _rounded(value: float, key: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"`{key}` must be finite, or None where nothing is known. Received: {value}")
    return round(value, _DIGITS)
