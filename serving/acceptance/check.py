"""What a check is, how it is run, and how outcomes are shown."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from serving.client import ServingError
from serving.client.errors import error_for


class Failed(Exception):  # noqa: N818 (an outcome, not an error of the suite)
    """The server does otherwise; the message says what was expected and what was received."""


class Skipped(Exception):  # noqa: N818
    """It cannot be asked here; the message says what is missing."""


@dataclass(frozen=True)
class Target:
    """The server that is asked.

    Args:
        grpc: host:port.
        rest: host:port, or "" if it has no REST API.
        model: the name of an exported recommender there.
        clients: the folder in which `serving.acceptance.environments` installed others' clients, if it did.
    """

    grpc: str
    rest: str
    model: str
    clients: Path | None = None


Check = Callable[[Target], None]


@dataclass(frozen=True)
class Outcome:
    """How one check went: passed, failed or skipped."""

    name: str
    state: str
    milliseconds: float
    detail: str = ""


def run(checks: Iterable[Check], target: Target) -> list[Outcome]:
    """Runs each check; whatever one raises is its own failure."""
    return [_run(check, target) for check in checks]


def _run(check: Check, target: Target) -> Outcome:
    name = (check.__doc__ or check.__name__).strip().rstrip(".")
    start = time.perf_counter()
    state, detail = "passed", ""
    try:
        check(target)
    except Skipped as reason:
        state, detail = "skipped", str(reason)
    except Failed as failure:
        state, detail = "failed", str(failure)
    except Exception as error:  # a server may fail in any way
        state, detail = "failed", f"{type(error).__name__}: {error}"
    return Outcome(name, state, round(1e3 * (time.perf_counter() - start), 1), detail)


def expect(what: str, expected: object, received: object) -> None:
    """Failed if they differ."""
    if expected != received:
        raise Failed(f"{what}: expected {expected}, received {received}")


def expect_code(code: str, call: Callable[[], object]) -> None:
    """Failed unless the call fails with this canonical code or its class of errors."""
    try:
        call()
    except ServingError as error:
        expect("code", code, error.code)
        if type(error) is not type(error_for(code, "")):
            raise Failed(f"class: {type(error).__name__} for {code}") from error
        return
    raise Failed(f"expected {code}, received an answer")


def table(outcomes: Iterable[Outcome]) -> str:
    """One line for each outcome, and their count."""
    outcomes = list(outcomes)
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    lines = [f"{o.state:8}{o.name:{width}}  {o.milliseconds:9.1f} ms  {o.detail}".rstrip() for o in outcomes]
    counts = {state: sum(o.state == state for o in outcomes) for state in ("passed", "failed", "skipped")}
    return "\n".join([*lines, ", ".join(f"{count} {state}" for state, count in counts.items())])
