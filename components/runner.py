"""Runs steps here, one by one; a step whose inputs, parameters and code have not changed is skipped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import components
import tfrec
from components.component import Component, PipelineError
from components.store import ArtifactStore, Outputs, cache_key, code_fingerprint


@dataclass(frozen=True)
class StepResult:
    """What became of a step.

    Attributes:
        outputs: its artifacts.
        skipped: whether they were there already.
        seconds: what it took.
    """

    outputs: Outputs
    skipped: bool
    seconds: float


class LocalRunner:
    """Runs steps in this process.

    Args:
        root: where artifacts are kept.
        report: told a line when a step begins and ends.
    """

    def __init__(
        self, root: Path, *, report: Callable[[str], None] = lambda line: print(line, flush=True)
    ) -> None:
        self.store, self.report = ArtifactStore(root), report
        self.code = code_fingerprint(*(Path(package.__path__[0]) for package in (tfrec, components)))

    def run(self, steps: Sequence[Component]) -> dict[str, StepResult]:
        """The result of each step by its name.

        Args:
            steps: each after those whose outputs it takes, as `in_order` gives.

        Raises:
            PipelineError: a step failed; the message names it. An error that nobody foresaw keeps its type, and
                gets a note with the name.
        """
        results: dict[str, StepResult] = {}
        for place, component in enumerate(steps, start=1):
            label = f"[{place}/{len(steps)}] {component.name}"
            try:
                results[component.name] = self._step(component, results, label)
            except (ValueError, OSError) as error:
                raise PipelineError(f"the step {component.name} failed: {error}") from error
            except Exception as error:
                error.add_note(f"in the step {component.name}")
                raise
        return results

    def _step(self, component: Component, done: dict[str, StepResult], label: str) -> StepResult:
        started = time.perf_counter()
        artifacts = {
            name: done[channel.producer.name].outputs[channel.name]
            for name, channel in component.inputs.items()
        }
        inputs = component.outside() | {name: artifact.fingerprint for name, artifact in artifacts.items()}
        key = cache_key(component, code=self.code, inputs=inputs)
        if found := self.store.find(component, key):
            self.report(f"{label}: unchanged, skipped")
            return StepResult(found, True, time.perf_counter() - started)
        self.report(f"{label} …")
        component.execute(artifacts, self.store.begin(component, key))
        outputs = self.store.publish(component, key, code=self.code, inputs=inputs)
        seconds = time.perf_counter() - started
        self.report(f"{label}: {seconds:.1f} s → {', '.join(str(made.folder) for made in outputs.values())}")
        return StepResult(outputs, False, seconds)
