"""Plain Python ↔ TensorProto, with TensorFlow's own functions as the oracle."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2

from serving import wire
from serving.client import codec

words = st.lists(st.lists(st.text(max_size=4), max_size=4), min_size=1, max_size=4)


def as_numpy(proto):
    return tf.make_ndarray(tensor_pb2.TensorProto.FromString(proto.SerializeToString()))


@settings(deadline=None, max_examples=50)
@given(words)
def test_string_rows(rows):
    got = as_numpy(codec.string_rows(rows))
    assert got.shape == (len(rows), 1 + max(map(len, rows)))
    for line, row in zip(got.tolist(), rows, strict=True):
        assert [value.decode() for value in line] == ["", *row, *[""] * (len(line) - 1 - len(row))]


def test_numbers():
    np.testing.assert_array_equal(as_numpy(codec.ints([1, -2])), np.array([1, -2], np.int32))
    np.testing.assert_array_equal(as_numpy(codec.floats([0.1])), np.array([0.1], np.float32))


def test_rows_of_reads_both_forms_of_a_float_tensor():
    matrix = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, 6.25]], np.float32)
    packed = wire.TensorProto.FromString(tf.make_tensor_proto(matrix).SerializeToString())
    assert packed.tensor_content
    typed = codec.tensor(wire.DataType["DT_FLOAT"], [2, 3], matrix.ravel().tolist())
    assert codec.rows_of(packed) == codec.rows_of(typed) == matrix.tolist()


def test_a_default_of_one_row_is_repeated():
    default = wire.TensorProto.FromString(tf.make_tensor_proto([[b"a", b"b"]]).SerializeToString())
    assert codec.rows_of(codec.repeated(default, 3)) == [["a", "b"]] * 3
    same = wire.TensorProto.FromString(tf.make_tensor_proto([7, 7], tf.int32).SerializeToString())
    same.tensor_shape.dim[0].size = 1
    assert codec.flat(codec.repeated(same, 2))[0] == 7
