"""Methods as TensorFlow functions, each traced when it is first asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tfrec.signature_inputs import Specs


class TracedFunctions(Mapping[str, Any]):
    """Name of a method → its `tf.function`, traced for its inputs: to trace all signatures takes several times as long
    as `recommend`, which is the only one that `tfrec.funnel` asks for.

    Args:
        owner: whose methods they are.
        inputs: method → input → its type and shape.
    """

    def __init__(self, owner: Any, inputs: Specs) -> None:
        self._owner, self._inputs = owner, inputs
        self._traced: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._traced:
            specs, function = self._inputs[name], tf.function(getattr(self._owner, name), autograph=False)
            function.get_concrete_function(**specs)
            self._traced[name] = function
        return self._traced[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)
