"""For commands that make graphs, write them and end: nothing they hold is garbage before that."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Looks for no garbage, and leaves none of what is there to be looked through when the interpreter ends.

    The objects of TensorFlow and of its graphs are so many that both would take a tenth of such a command's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
