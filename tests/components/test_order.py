from itertools import permutations

import pytest

from components.component import PipelineError
from components.order import in_order
from tests.components.steps import Shout, Write


class Again(Shout):
    pass


WRITE = Write(text="tea")
SHOUT = Shout(text=WRITE["text"])
AGAIN = Again(text=SHOUT["text"])


@pytest.mark.parametrize("steps", [*permutations([WRITE, SHOUT, AGAIN])])
def test_a_step_comes_after_those_whose_outputs_it_takes(steps):
    assert in_order(steps) == [WRITE, SHOUT, AGAIN]


def test_a_missing_producer_is_named():
    with pytest.raises(PipelineError, match="Again: the input `text` comes from a Shout that is not among"):
        in_order([WRITE, AGAIN])


def test_a_producer_of_the_same_name_is_still_missing():
    other = Shout(text=WRITE["text"])
    with pytest.raises(PipelineError, match="Again: the input `text` comes from a Shout that is not among"):
        in_order([WRITE, other, AGAIN])


def test_two_steps_of_one_name_are_refused():
    with pytest.raises(PipelineError, match="the step Write is there twice"):
        in_order([WRITE, Write(text="tools")])
