"""Numbers as text, against their own reading back."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import wire
from serving.model_server.rest.json_response import decimals, predictions
from serving.model_server.status import StatusError
from serving.model_server.tensors import encode


@given(st.floats(width=32))
def test_a_float_reads_back_as_itself(value):
    (text,) = decimals([value], single=True)
    back = np.float32(json.loads(text))
    assert back == np.float32(value) or (math.isnan(value) and np.isnan(back))
    assert any(mark in text for mark in (".", "e", "N", "I"))


@given(st.floats())
def test_a_double_reads_back_as_itself(value):
    (text,) = decimals([value], single=False)
    assert json.loads(text) == value or math.isnan(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (9e6, "9e+06"),
        (999999.0, "999999.0"),
        (0.0, "0.0"),
        (1 / 3, "0.333333343"),
        (-0.0, "-0.0"),
    ],
)
def test_the_shortest_form(value, text):
    assert decimals([float(np.float32(value))], single=True) == [text]


def outputs(**arrays):
    response = wire.PredictResponse()
    for name, array in arrays.items():
        encode(np.asarray(array), response.outputs[name])
    return response.outputs


def test_nested_rows_stand_on_one_line():
    text = predictions(outputs(a=[[[1, 2], [3, 4]]]), rows=True)
    assert text == '{\n    "predictions": [[[1, 2], [3, 4]]\n    ]\n}'


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.booleans())
def test_any_shape_is_json_again(shape, rows):
    array = np.arange(np.prod(shape)).reshape(shape)
    if rows and shape[0] == 0:
        with pytest.raises(StatusError, match="invalid batch size: 0"):
            predictions(outputs(a=array, b=array), rows=True)
        return
    document = json.loads(predictions(outputs(a=array, b=array), rows=rows))
    if rows:
        assert document == {"predictions": [{"a": row, "b": row} for row in array.tolist()]}
    else:
        assert document == {"outputs": {"a": array.tolist(), "b": array.tolist()}}


def test_outputs_of_different_sizes_make_no_rows():
    with pytest.raises(StatusError, match="Tensor name: b has inconsistent batch size: 3 expecting: 2"):
        predictions(outputs(a=[1, 2], b=[1, 2, 3]), rows=True)
