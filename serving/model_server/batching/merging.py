"""Arrays of several requests → one batch, and its outputs → one part for each request."""

from collections.abc import Sequence

import numpy as np

from serving.model_server.status import StatusError, invalid_argument
from serving.model_server.tensors import Array


def merge(arrays: Sequence[Array], name: str, *, pad: bool, extra_rows: int = 0) -> Array:
    """Arrays [n_i, ...] one below the other → [sum of n_i + extra_rows, ...].

    Args:
        pad: widen each array to the widest, with its own first element; else unequal widths are an error.
        extra_rows: copies of the first row of the last array, appended.

    Raises:
        StatusError: the arrays cannot be merged.
    """
    if len({array.shape[1:] for array in arrays}) > 1:
        if not pad:
            raise StatusError(
                "FAILED_PRECONDITION",
                f"Tensors with name '{name}' from different tasks have different shapes and padding is "
                "turned off. "
                "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name "
                "have equal dimensions starting with the first dim.",
            )
        arrays = _padded(arrays, name)
    rows = [arrays[-1][:1]] * extra_rows
    return np.concatenate([*arrays, *rows]) if len(arrays) + extra_rows > 1 else arrays[0]


def _padded(arrays: Sequence[Array], name: str) -> list[Array]:
    if len({array.ndim for array in arrays}) > 1:
        raise invalid_argument(f"Tensors with name '{name}' from different tasks have different ranks.")
    if any(not array.size for array in arrays):
        raise invalid_argument(f"Got empty tensor in batch of non-empty tensors: '{name}'.")
    widest = np.max([array.shape[1:] for array in arrays], axis=0)
    result = []
    for array in arrays:
        wide = np.full((array.shape[0], *widest), array.flat[0], array.dtype)
        wide[tuple(slice(size) for size in array.shape)] = array
        result.append(wide)
    return result


def split(outputs: Sequence[Array], sizes: Sequence[int], rows: int) -> list[list[Array]]:
    """One list of output arrays for each task; rows beyond the tasks' own are dropped.

    Raises:
        StatusError: FAILED_PRECONDITION, an output does not have the batch as dimension 0.
    """
    for output in outputs:
        if output.ndim == 0:
            raise StatusError("FAILED_PRECONDITION", "Batched output tensor has 0 dimensions")
        if output.shape[0] != rows:
            raise StatusError(
                "FAILED_PRECONDITION",
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of "
                "the input tensors",
            )
    ends = np.cumsum(sizes)
    return [[output[end - size : end] for output in outputs] for size, end in zip(sizes, ends, strict=True)]
