"""The rules of a run: adopted when they can hold, followed by everything that is served."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from tests.tiny_world import BLANK, KNOWN, NOBODY, RING, inputs, item, taste_of
from tfrec.funnel import Funnel
from tfrec.reranking.rules.rule import RulesError
from tfrec.rule_file import RULES, adopt_rules, load_book
from tfrec.run import Run

TEXT = f"""
- {{name: harmful, action: block, where: {{item_id: [{item("space", 3)}, {item("küche", 3)}]}}}}
- {{name: R3, action: pin, where: {{item_id: {item("küche", 0)}}}, position: 2}}
- {{name: mixed, action: cap, column: maker, at_most: 2}}
"""
FORBIDDEN = {item("space", 3), item("küche", 3)}


@pytest.fixture(scope="module")
def ruled(world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the run, with rules."""
    folder = tmp_path_factory.mktemp("ruled")
    run = Run.open(shutil.copytree(world_run.folder, folder / "run"))
    (folder / "mine.yaml").write_text(TEXT, encoding="utf-8")
    adopt_rules(run, folder / "mine.yaml")
    return run


@pytest.fixture(scope="module")
def funnel(ruled: Run) -> Funnel:
    return Funnel.from_run(ruled)


def test_a_run_without_rules_has_none(world_run: Run):
    assert load_book(world_run, []).rules == ()


def test_rules_that_cannot_hold_change_nothing(ruled: Run, tmp_path: Path):
    before = (ruled.folder / RULES).read_text(encoding="utf-8")
    for text in ("- {name: a, action: block, where: {maker: nobody}}", "- [", ""):
        (tmp_path / "bad.yaml").write_text(text)
        if text:
            with pytest.raises(RulesError, match=r"bad\.yaml: "):
                adopt_rules(ruled, tmp_path / "bad.yaml")
            assert (ruled.folder / RULES).read_text(encoding="utf-8") == before
    with pytest.raises(RulesError, match="no such file"):
        adopt_rules(ruled, tmp_path / "no such file")


@pytest.mark.parametrize(
    "request_", [KNOWN, NOBODY, {**NOBODY, "query_text": "bread butter", "diversity": 0.7}]
)
def test_a_blocked_item_is_served_by_no_signature(funnel: Funnel, request_: dict):
    for name in ("recommend", "retrieve"):
        signature = funnel.signatures.inputs[name]
        arrays = inputs(signature, {**BLANK, **request_, "k": 12})
        found = funnel.signatures.functions[name](
            **{key: tf.constant(value) for key, value in arrays.items()}
        )
        ids = {one.decode() for one in found["item_id"].numpy()[0] if one}
        assert ids
        assert not ids & FORBIDDEN


def test_a_pin_stands_in_its_place_unless_the_user_has_seen_it(funnel: Funnel):
    for history in ([item("space", 5)], [item("space", n) for n in range(4, 9)]):
        found = funnel.recommend("nobody", history, k=6)
        assert found[1].item_id == item("küche", 0)
    seen = funnel.recommend("nobody", [item("küche", 0)], k=8)
    assert item("küche", 0) not in {one.item_id for one in seen}


def test_a_cap_holds(funnel: Funnel, world):
    makers = dict(zip(world.items["item_id"], world.items["maker"], strict=True))
    found = [makers[one.item_id] for one in funnel.recommend("nobody", [item("space", 5)], k=8)]
    assert all(found.count(maker) <= 2 for maker in found if maker)


def test_everything_filtered_is_an_empty_slate(funnel: Funnel):
    everything = [item(taste, place) for taste in ("space", "küche") for place in range(RING)]
    left = funnel.recommend("nobody", everything, allow_category=["space"], k=8)
    assert not [one for one in left if taste_of(one.item_id) != "space"]
    assert funnel.recommend("nobody", allow_category=["no such category"]) == []
