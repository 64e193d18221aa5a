"""The order of steps: which depend on which, and which can start now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sagaz_core.errors import SagaDefinitionError
from sagaz_core.saga.step import Step


def check_steps(steps: Sequence[Step], context_keys: Collection[str]) -> None:
    """Raise :class:`SagaDefinitionError` if ``steps`` do not fit together or with the context."""
    if not steps:
        raise SagaDefinitionError("the saga has no steps; add some in build() with add_step()")
    names: set[str] = set()
    for step in steps:
        if step.name in names:
            raise SagaDefinitionError(
                f"two steps are called {step.name!r}; give each step a name of its own"
            )
        if step.name in context_keys:
            raise SagaDefinitionError(
                f"step {step.name!r} is named like a key of the context, where its result would "
                "be read; rename one of them"
            )
        names.add(step.name)
    for step in steps:
        for needed in step.depends_on or ():
            if needed not in names:
                raise SagaDefinitionError(
                    f"step {step.name!r} depends on {needed!r}, which is no step of this saga; "
                    f"its steps are {', '.join(step.name for step in steps)}"
                )
    cycle = _find_cycle({step.name: step.depends_on or () for step in steps})
    if cycle:
        raise SagaDefinitionError(
            f"steps depend on each other in a circle: {' → '.join(cycle)}; remove one dependency"
        )


def is_graph(steps: Iterable[Step]) -> bool:
    """Whether any step says what it depends on; otherwise they run in the order added."""
    return any(step.depends_on is not None for step in steps)


def _find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    settled: set[str] = set()
    for start in needs:
        if start in settled:
            continue
        path = [start]
        on_path = {start}
        waiting = [iter(needs[start])]
        while waiting:
            needed = next(waiting[-1], None)
            if needed is None:
                waiting.pop()
                on_path.discard(path[-1])
                settled.add(path.pop())
            elif needed in on_path:
                return [*path[path.index(needed) :], needed]
            elif needed not in settled:
                path.append(needed)
                on_path.add(needed)
                waiting.append(iter(needs[needed]))
    return []


class StepGraph:
    """Hands out the steps of a graph as what they depend on completes."""

    def __init__(self, steps: Sequence[Step], done: Collection[str] = ()) -> None:
        """Take the graph of ``steps``, of which those named in ``done`` are complete already."""
        self._missing: dict[str, int] = {}
        self._dependents: dict[str, list[Step]] = {}
        self._ready: list[Step] = []
        for step in steps:
            if step.name in done:
                continue
            needs = {needed for needed in step.depends_on or () if needed not in done}
            for needed in needs:
                self._dependents.setdefault(needed, []).append(step)
            if needs:
                self._missing[step.name] = len(needs)
            else:
                self._ready.append(step)

    def take_ready(self) -> list[Step]:
        """Return the steps that can start now, in the order added, each only once."""
        ready, self._ready = self._ready, []
        return ready

    def complete(self, name: str) -> None:
        """Note that a step has ended well."""
        for step in self._dependents.pop(name, ()):
            self._missing[step.name] -= 1
            if not self._missing[step.name]:
                self._ready.append(step)
