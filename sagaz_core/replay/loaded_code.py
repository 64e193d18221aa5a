"""A saga as its code makes it today, or what stands against making it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sagaz_core.errors import (
    AmbiguousSagaError,
    SagaClassNotFoundError,
    SagaDefinitionError,
    SagaFactoryError,
    SagazError,
)
from sagaz_core.model import PlanProblem, StepInfo
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.factory import (
    SagaFactory,
    build_saga,
    make_saga,
    resolve_class,
    saga_of_class,
)
from sagaz_core.saga.registry import code_of
from sagaz_core.saga.saga import Saga

_PROBLEMS: Final[tuple[tuple[type[SagazError], str], ...]] = (
    (SagaClassNotFoundError, "class_unknown"),
    (AmbiguousSagaError, "class_ambiguous"),
    (SagaFactoryError, "factory_failed"),
    (SagaDefinitionError, "definition"),
)


@dataclass(frozen=True, kw_only=True)
class LoadedCode:
    """The saga as its code makes it today, as far as it could be had."""

    saga: Saga | EngineCode | None = None
    model: Any = None
    """The pydantic model that its context has to fit; None: it has none, or none is known."""
    steps: tuple[StepInfo, ...] = ()
    problems: tuple[PlanProblem, ...] = ()

    @property
    def tells_steps(self) -> bool:
        """Whether it says which steps it has; an engine does so only as it takes them."""
        return isinstance(self.saga, Saga)

    @property
    def name(self) -> str:
        """``module:qualname``; empty if the code could not be had."""
        if self.saga is None:
            return ""
        code = self.saga.engine if isinstance(self.saga, EngineCode) else self.saga
        return code_of(type(code))


NO_CODE: Final = LoadedCode()
"""Where nobody got so far as to make it."""


async def load_code(
    saga_name: str,
    recorded_code: str,
    context: dict[str, Any],
    *,
    factory: SagaFactory | None,
    timeout: float,
) -> LoadedCode:
    """Make a saga and build its steps, by the factory or else the class that was recorded.

    Args:
        saga_name: the name it was recorded under.
        recorded_code: ``module:qualname`` of its class; empty if that is not known.
        context: what it is made with; it gets a copy.
        timeout: seconds that a factory may take.
    """
    model = None
    try:
        if factory is None:
            saga_class = resolve_class(saga_name, recorded_code)
            # Known even where the constructor then refuses the context, perhaps for its sake.
            model = saga_class.context_model
            saga: Saga | EngineCode = saga_of_class(saga_class, context)
        else:
            saga = await make_saga(factory, context, timeout=timeout)
        model = saga.context_model
        steps = await build_saga(saga, timeout=timeout)
    except tuple(kind for kind, _ in _PROBLEMS) as error:
        code = next(code for kind, code in _PROBLEMS if isinstance(error, kind))
        return LoadedCode(model=model, problems=(PlanProblem(code=code, message=str(error)),))
    return LoadedCode(saga=saga, model=model, steps=tuple(step.info for step in steps))
