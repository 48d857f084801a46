"""Deterministic ops while something is trained, and only then."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf
from tensorflow.python.framework import config as switch  # the public API can only turn it on


@contextmanager
def deterministic_ops(wanted: bool = True) -> Iterator[None]:
    """Within, TensorFlow computes bit for bit the same each time, where `wanted`; after it, as before.

    Whoever serves or evaluates in the process that has trained needs ops that are refused meanwhile: rules with a time
    window ask TensorFlow for the time.
    """
    before = switch.is_op_determinism_enabled()
    if wanted:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if wanted and not before:
            switch.disable_op_determinism()
