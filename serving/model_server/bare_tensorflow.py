"""Lets the server's process import TensorFlow's runtime without its 1,300 modules of Python API and without
Keras.

`import tensorflow` ends by importing Keras, and with it whatever Keras finds (pandas, scikit-learn, ...): 670
MB. The server needs only the session and the SavedModel loader. A bare package object in the place of
`tensorflow` lets `from tensorflow.python...` import just those: 410 MB, and half of the start-up time.
"""

import importlib.util
import sys
import types


def install() -> None:
    """Puts the bare package in place, unless TensorFlow is loaded already. Only for a process that is a
    server."""
    if "tensorflow" in sys.modules:
        return
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("The model server needs TensorFlow: pip install tensorflow.")
    package = types.ModuleType("tensorflow")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    package.__file__ = spec.origin
    sys.modules["tensorflow"] = package
