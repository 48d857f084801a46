"""Groups that fairness speaks of join the candidates, and only for those who ask."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf
import yaml

from tests.tiny_world import BLANK, NOBODY, inputs, item, taste_of
from tfrec.funnel import Funnel
from tfrec.run import Run

SPACE = {**NOBODY, "history": [item("space", place) for place in (3, 4, 5)], "k": 4}


@pytest.fixture(scope="module")
def funnel(world_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Funnel:
    """Of the run, half of whose slates should be of one taste; recall finds ten candidates, nearly all of the other."""
    folder = Path(shutil.copytree(world_run.folder, tmp_path_factory.mktemp("fair") / "run"))
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    settings["reranking"] |= {"fair_column": "genres", "fair_shares": {"küche": 0.5}}
    settings["ranking"]["candidates"] = 5
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Funnel.from_run(Run.open(folder))


def slates(funnel: Funnel, *requests: dict) -> list[list[str]]:
    arrays = inputs(funnel.signatures.inputs["recommend"], *({**BLANK, **request} for request in requests))
    found = funnel.signatures.functions["recommend"](
        **{name: tf.constant(values) for name, values in arrays.items()}
    )
    return [[one.decode() for one in row if one] for row in found["item_id"].numpy()]


def test_a_group_that_recall_has_not_found_is_shown_its_share(funnel: Funnel):
    (plain,), (fair,) = slates(funnel, SPACE), slates(funnel, {**SPACE, "fairness": 1.0})
    assert [taste_of(one) for one in plain] == ["space"] * 4
    assert sum(taste_of(one) == "küche" for one in fair) == 2


def test_others_of_the_batch_are_answered_as_alone(funnel: Funnel):
    (plain,), (fair,) = slates(funnel, SPACE), slates(funnel, {**SPACE, "fairness": 1.0})
    assert slates(funnel, SPACE, {**SPACE, "fairness": 1.0}) == [plain, fair]
