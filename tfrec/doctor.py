"""`tfrec doctor`: what an installation has and lacks, in words that say what to do."""

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

PACKAGES = {
    "": (
        "tensorflow",
        "keras",
        "keras-hub",
        "tensorflow-recommenders",
        "tensorflow-text",
        "keras-rs",
        "pandas",
    ),
    "serving": ("grpcio-health-checking", "grpcio-reflection"),
    "bench": ("implicit", "scikit-learn"),
}


def diagnose() -> int:
    """Prints one line for each check; 0 when all that the core needs is there, else 1."""
    missing = 0
    for extra, name, found in _packages():
        hint = "" if found else f"  → pip install 'tfrec{f'[{extra}]' if extra else ''}'"
        print(f"{'ok     ' if found else 'missing'} {name} {found}{hint}")
        missing += not found and not extra
    for what, check in (("language model minilm", _encoder), ("bundled dataset", _dataset)):
        missing += not _passes(what, check)
    return int(missing > 0)


def _packages() -> Iterator[tuple[str, str, str]]:
    for extra, names in PACKAGES.items():
        for name in names:
            try:
                yield extra, name, version(name)
            except PackageNotFoundError:
                yield extra, name, ""


def _passes(what: str, check: Callable[[], str]) -> bool:
    try:
        print(f"ok      {what}: {check()}")
    except Exception as error:
        print(f"missing {what}: {error}")
        return False
    return True


def _encoder() -> str:
    from tfrec.text.encoder import TextEncoder

    return f"{TextEncoder.from_name('minilm').dim} dimensions"


def _dataset() -> str:
    from tfrec.data.dataset import load_dataset

    return f"{len(load_dataset('movielens').item_ids)} films"
