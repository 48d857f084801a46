"""What a generative model wrote of a slate, read strictly: nothing that it says is served unless it can be meant.

It is asked for two lines, the numbers of all candidates, best first, and why the first one is recommended:

    2, 1, 3
    Because you liked Alien, you may enjoy Aliens.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tfrec.data.item_text import count_words

LONGEST, FEWEST = 200, 3  # characters and words of a sentence
NUMBERS = re.compile(r"\d{1,4}(?:\s*,\s*\d{1,4})*", re.ASCII)
SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]")  # one end, and it is the end


class Written(NamedTuple):
    """What can be used of an answer.

    Attributes:
        order: places of the candidates, from 0, each once.
        reason: one sentence; None = there is none to be used.
    """

    order: tuple[int, ...]
    reason: str | None


def read_written(answer: str, candidates: int, evidence: Sequence[str]) -> Written:
    """An order and a sentence; the incoming order where a number is unknown, repeated or missing.

    A reason goes with its order: without one it is not said which candidate it speaks of, and it is dropped.

    Args:
        answer: what was written.
        candidates: how many there are.
        evidence: what the model was told of the user; a sentence that names nothing of it is made up.
    """
    line, _, rest = answer.strip().partition("\n")
    order = _order(line.strip(), candidates)
    if order is None:
        return Written(tuple(range(candidates)), None)
    sentence = rest.strip().partition("\n")[0].strip()
    return Written(order, sentence if _is_reason(sentence, evidence) else None)


def _order(line: str, candidates: int) -> tuple[int, ...] | None:
    if not NUMBERS.fullmatch(line):
        return None
    order = tuple(int(number) - 1 for number in line.split(","))
    return order if sorted(order) == list(range(candidates)) else None


def _is_reason(sentence: str, evidence: Sequence[str]) -> bool:
    """Whether it is one sentence of plain words that names some evidence."""
    facts = [fact.strip() for fact in evidence if fact.strip()]
    # "Aliens" does not name "Alien"; Chinese has no spaces, and is no ASCII
    names = [re.compile(rf"(?<!\w){re.escape(fact)}(?!\w)", re.ASCII | re.IGNORECASE) for fact in facts]
    said = sentence
    for name in names:  # a full stop in a title ends no sentence
        said = name.sub("…", said)
    return (
        said != sentence
        and len(sentence) <= LONGEST
        and count_words(sentence) >= FEWEST
        and sentence.isprintable()
        and SENTENCE.fullmatch(said) is not None
    )
