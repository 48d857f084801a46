"""Garbage is neither looked for nor left to be looked for."""

import gc

import pytest

from tfrec.garbage import nothing_collected


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()
    gc.collect()


def looked_through() -> list[Cycle]:
    return [one for one in gc.get_objects() if isinstance(one, Cycle)]


def test_nothing_is_looked_for_inside_and_nothing_left_for_the_end():
    with nothing_collected():
        assert not gc.isenabled()
        Cycle()
        assert len(looked_through()) == 1  # garbage already, and still there
    assert gc.isenabled()
    assert looked_through() == []


def test_an_error_passes_and_collecting_goes_on():
    with pytest.raises(KeyError), nothing_collected():
        raise KeyError
    assert gc.isenabled()
