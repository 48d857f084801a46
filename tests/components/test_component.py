import pytest

from components.component import PipelineError
from tests.components.steps import Other, Shout, Write


def test_outputs_are_wired_to_inputs():
    write = Write(text="tea")
    shout = Shout(text=write["text"])
    assert shout.inputs["text"].producer is write
    assert shout["other"].type is Other


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({}, "Received: None"),
        ({"text": "tea"}, "Received: tea"),
        ({"text": Shout(text=Write(text="tea")["text"])["other"]}, "Received: other of Shout, a Other"),
    ],
)
def test_a_wrong_input_is_refused_when_the_pipeline_is_built(given, received):
    with pytest.raises(
        PipelineError, match=f"Shout: the input `text` must be an output of type Text. {received}"
    ):
        Shout(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "text: Field required"),
        ({"text": ""}, "text: String should have at least 1 character"),
        ({"text": 3}, "text: Input should be a valid string. Received: 3"),
        ({"text": "tea", "volume": 2}, "volume: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_parameter_is_refused_when_the_pipeline_is_built(given, message):
    with pytest.raises(PipelineError, match=rf"Write: these parameters cannot be used:\n  {message}"):
        Write(**given)


def test_an_unknown_output_is_refused():
    with pytest.raises(PipelineError, match=r"Write has the outputs \['text'\]. Received: 'words'"):
        Write(text="tea")["words"]
