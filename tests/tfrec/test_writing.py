"""A slate in a language model's words: what it writes is used where it can be meant, and nothing else of it is."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_causal import tiny_qwen
from tests.tiny_world import item, user, walk
from tfrec.config import GenerativeConfig
from tfrec.funnel import Funnel
from tfrec.text.generative import GenerativeModel, GenerativeModelNotFound
from tfrec.writing import Writer

SETTINGS = GenerativeConfig(candidates=3, events=2, written=16)


class Dictated:
    """A language model that writes what it is told to, and keeps what it was asked."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, ""

    def write(self, prompt: str, *, tokens: int) -> str:
        self.asked = prompt
        return self.answer


def dictated(funnel: Funnel, answer: str) -> Any:
    return Writer(funnel, Dictated(answer), SETTINGS)  # type: ignore[arg-type]


def test_the_written_order_and_sentence_shape_the_head_of_the_slate(world_funnel):
    before = world_funnel.recommend(user(3), k=5)
    liked = world_funnel.titles[walk(3)[-2]]  # the last one is the target of the test
    sentence = f"Whoever took {liked} takes this."
    after = dictated(world_funnel, f"3, 1, 2\n{sentence}").recommend(user(3), k=5)
    assert [r.item_id for r in after] == [before[place].item_id for place in (2, 0, 1, 3, 4)]
    assert [r.score for r in after] == [r.score for r in before]
    assert [r.reason for r in after] == [sentence, *(before[place].reason for place in (0, 1, 3, 4))]


def test_what_cannot_be_used_leaves_the_slate_as_it_is(world_funnel):
    before = world_funnel.recommend(user(3), k=4)
    for answer in ("3, 3, 1\nBecause.", "", "1, 2, 3\nYou will like it."):
        assert dictated(world_funnel, answer).recommend(user(3), k=4) == before


def test_the_model_is_told_the_newest_titles_the_text_and_the_candidates(world_funnel):
    writer = dictated(world_funnel, "")
    slate = writer.recommend("nobody", walk(0, 3), query_text="rocket", liked=[item("space", 9)], k=2)
    titles = [world_funnel.titles[id_] for id_ in (item("space", 9), walk(0, 3)[-1])]
    assert f"liked, the newest first: {'; '.join(titles)}." in writer.model.asked
    assert "looking for: rocket." in writer.model.asked
    for number, recommendation in enumerate(slate, 1):
        assert f"{number}. {recommendation.title}\n" in writer.model.asked


def test_an_empty_slate_asks_nobody(world_funnel):
    writer = dictated(world_funnel, "1\nBecause.")
    assert writer.recommend("nobody", allow_category=["no such category"]) == []
    assert writer.model.asked == ""


def test_a_real_model_writes_too(world_funnel, tmp_path: Path):
    model = GenerativeModel.from_name(tiny_qwen(tmp_path / "qwen", ["rocket"]))
    writer = Writer(world_funnel, model, SETTINGS)
    assert {r.item_id for r in writer.recommend(user(3), k=3)} == {
        r.item_id for r in world_funnel.recommend(user(3), k=3)
    }
    assert writer.reason(item("space", 1), user(3)) is None  # random weights say nothing of use


def test_without_a_model_there_is_nothing_to_write_with(world_funnel):
    with pytest.raises(GenerativeModelNotFound):
        Writer.from_funnel(world_funnel)
