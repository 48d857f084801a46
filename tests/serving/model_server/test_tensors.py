"""TensorProto ↔ numpy, with TensorFlow's own functions as the oracle."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2

from serving import wire
from serving.model_server.tensors import decode, encode

KINDS = [
    "float32",
    "float64",
    "int32",
    "uint8",
    "int16",
    "int8",
    "uint16",
    "int64",
    "bool",
    "uint32",
    "uint64",
]
KINDS += ["float16", "complex64", "complex128"]


def to_theirs(proto):
    return tensor_pb2.TensorProto.FromString(proto.SerializeToString())


def to_ours(proto):
    return wire.TensorProto.FromString(proto.SerializeToString())


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(KINDS), shape=st.lists(st.integers(0, 3), max_size=3), seed=st.integers(0, 9))
def test_numbers_go_both_ways(kind, shape, seed):
    array = np.random.default_rng(seed).integers(0, 100, shape).astype(kind)
    np.testing.assert_array_equal(decode(to_ours(tf.make_tensor_proto(array))), array, strict=True)
    for as_content in (False, True):
        proto = wire.TensorProto()
        encode(array, proto, as_content=as_content)
        assert bool(proto.tensor_content) == (as_content and array.size > 0)
        np.testing.assert_array_equal(tf.make_ndarray(to_theirs(proto)), array, strict=True)


def test_bfloat16():
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    proto = wire.TensorProto()
    encode(array, proto)
    np.testing.assert_array_equal(tf.make_ndarray(to_theirs(proto)), array, strict=True)
    np.testing.assert_array_equal(decode(to_ours(tf.make_tensor_proto(array))), array, strict=True)


@given(st.lists(st.binary(max_size=5), max_size=6))
def test_strings_go_both_ways(values):
    array = np.array([*values, None], object)[:-1]
    proto = wire.TensorProto()
    encode(array, proto, as_content=True)
    assert list(proto.string_val) == values
    assert decode(proto).tolist() == values


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_packed_strings(values):
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])

    content = b"".join(varint(len(value)) for value in values) + b"".join(values)
    proto = wire.TensorProto(dtype=7, tensor_content=content)
    proto.tensor_shape.dim.add(size=len(values))
    assert decode(proto).tolist() == values
    proto.tensor_content = content + b"x"
    with pytest.raises(ValueError, match="bytes of strings"):
        decode(proto)


def proto_of(dtype, shape, **fields):
    proto = wire.TensorProto(dtype=wire.DataType[dtype], **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5.0], [5, 5, 5]), ([1.0, 2.0], [1, 2, 2]), ([], [0, 0, 0]), ([1, 2, 3, 4], [1, 2, 3])],
)
def test_too_few_values_repeat_the_last_and_too_many_are_cut(values, expected):
    assert decode(proto_of("DT_FLOAT", [3], float_val=values)).tolist() == expected


@pytest.mark.parametrize(
    "proto",
    [
        proto_of("DT_INVALID", []),
        proto_of("DT_RESOURCE", [1]),
        proto_of("DT_FLOAT", [-1], float_val=[1.0]),
        proto_of("DT_FLOAT", [2], tensor_content=b"12345"),
        proto_of("DT_FLOAT", [1 << 20, 1 << 20], float_val=[1.0]),
        proto_of("DT_STRING", [1 << 40], tensor_content=b"1"),
        proto_of("DT_STRING", [1], tensor_content=b"\xff\xff"),
    ],
)
def test_no_tensor(proto):
    with pytest.raises(ValueError, match=r"Expected|reshape|buffer"):
        decode(proto)


def test_unknown_rank_is_no_tensor():
    proto = proto_of("DT_FLOAT", [], float_val=[1.0])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(ValueError, match="fully defined"):
        decode(proto)


def test_a_scalar_string_is_one_string():
    proto = wire.TensorProto()
    encode(b"abc", proto)
    assert (list(proto.string_val), len(proto.tensor_shape.dim)) == ([b"abc"], 0)
