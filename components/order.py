"""Steps in the order of their data, and the refusal of steps that cannot run together."""

from collections.abc import Sequence
from graphlib import TopologicalSorter

from components.component import Component, PipelineError


def in_order(components: Sequence[Component]) -> list[Component]:
    """The steps, each after those whose outputs it takes.

    Raises:
        PipelineError: two steps have one name, or an input comes from a step that is not here.
    """
    names = [component.name for component in components]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PipelineError(f"the step {min(twice)} is there twice. Give one of them a class of its own.")
    for component in components:
        _check_producers(component, components)
    by_name = dict(zip(names, components, strict=True))
    needs = {step.name: [channel.producer.name for channel in step.inputs.values()] for step in components}
    return [by_name[name] for name in TopologicalSorter(needs).static_order()]


def _check_producers(component: Component, components: Sequence[Component]) -> None:
    for name, channel in component.inputs.items():
        if channel.producer not in components:
            raise PipelineError(
                f"{component.name}: the input `{name}` comes from a {channel.producer.name} that is not among the "
                "steps. Add it."
            )
