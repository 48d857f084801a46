"""The rules of a run: RUN/rules.yaml, which exports, later items and evaluation follow."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tfrec.additions import load_additions
from tfrec.reranking.rules.book import RuleBook, make_book
from tfrec.reranking.rules.read import read_rules
from tfrec.reranking.rules.rule import RulesError
from tfrec.run import Run, replace_file

RULES = "rules.yaml"


def load_book(run: Run, additions: Sequence[pd.DataFrame]) -> RuleBook:
    """The rules of a run over its catalogue and what was added to it.

    Raises:
        RulesError: they cannot be meant as written, or not for this catalogue; the message names the file.
    """
    path = run.folder / RULES
    return _book(path, run, additions) if path.is_file() else make_book([], run.items, {}, k=1)


def adopt_rules(run: Run, source: str | Path) -> None:
    """Makes a file the rules of a run; one that cannot hold changes nothing.

    Raises:
        RulesError: as `load_book`.
    """
    _book(Path(source), run, load_additions(run))
    text = Path(source).read_bytes()
    replace_file(run.folder / RULES, lambda path: path.write_bytes(text))


def _book(path: Path, run: Run, additions: Sequence[pd.DataFrame]) -> RuleBook:
    try:
        rules = read_rules(path.read_text(encoding="utf-8"))
        items = pd.concat([run.items, *additions], ignore_index=True)
        return make_book(rules, items, run.schema.items, k=run.config.export.k)
    except (OSError, UnicodeDecodeError, RulesError) as error:
        raise RulesError(f"{path}: {error}") from error
