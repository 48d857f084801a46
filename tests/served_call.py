"""One signature, written as an export writes it, and called on the way that TensorFlow Serving takes."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from serving.model_server.saved_model import SavedModel
from tfrec.export import save_functions
from tfrec.signatures import Signatures


def save_signature(signatures: Signatures, name: str, folder: Path) -> Path:
    """A SavedModel of one signature: to trace and write all of them takes several times as long."""
    function = signatures.functions[name].get_concrete_function(**signatures.inputs[name])
    save_functions({name: function}, signatures.layers, folder)
    return folder


def call(model: SavedModel, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The named outputs of a signature for its named inputs: feeds and fetches by tensor name, as a server does."""
    definition = model.signatures[signature]
    assert set(inputs) == set(definition.inputs)
    outputs = dict(definition.outputs)
    fetched = model.run(
        {definition.inputs[name].name: value for name, value in inputs.items()},
        [o.name for o in outputs.values()],
    )
    return dict(zip(outputs, fetched, strict=True))


def check_same(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> None:
    """The same names, strings and numbers (to 1e-4)."""
    assert set(ours) == set(theirs)
    for name in ours:
        one, other = np.asarray(ours[name]), np.asarray(theirs[name])
        assert one.shape == other.shape, name
        if name == "trace":
            check_same_traces(one, other)
        elif one.dtype == object:
            assert one.tolist() == other.tolist(), name
        else:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=name)


def check_same_traces(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Lines of JSON with the same steps and positions, and scores to 1e-4, for the last digit may be another."""
    for one, other in zip(ours.ravel(), theirs.ravel(), strict=True):
        steps = [json.loads(line)["steps"] if line else [] for line in (one, other)]
        scores = [[step.pop("score") for step in some] for some in steps]
        assert steps[0] == steps[1]
        np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-4)
