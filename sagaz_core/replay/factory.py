"""Where the code of a replay comes from: never from stored data, only from what it may pick among.

Stored data says which class a saga had; a class is only ever taken from those that this program
has defined, or from a factory that the caller gives.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from copy import deepcopy
from typing import Any, Final, TypeVar, cast

from sagaz_core.errors import (
    AmbiguousSagaError,
    SagaClassNotFoundError,
    SagaDefinitionError,
    SagaFactoryError,
)
from sagaz_core.replay.engine import Engine, EngineCode, is_engine
from sagaz_core.saga.registry import code_of, known_sagas
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.step import Step

SagaFactory = Callable[[dict[str, Any]], Saga | Engine | Awaitable[Saga | Engine]]
"""Takes the context to start with, returns a saga or another engine; sync or async. A saga class
is one."""

FACTORY_TIMEOUT: Final = 30.0
"""Seconds that a factory, and then the saga's ``build()``, may take."""


def resolve_class(
    saga_name: str, code: str, known: Sequence[type[Saga]] | None = None
) -> type[Saga]:
    """Return the class that a saga was recorded with, if this program has defined it.

    Args:
        saga_name: the recorded class name.
        code: the recorded ``module:qualname``; empty if another engine recorded it.
        known: the classes to choose from; None: every subclass of Saga defined so far.

    Raises:
        SagaClassNotFoundError: no class has that name.
        AmbiguousSagaError: several have it, and none of them is the recorded one.
    """
    classes = known_sagas() if known is None else known
    for saga_class in classes:
        if code_of(saga_class) == code:
            return saga_class
    named = [saga_class for saga_class in classes if saga_class.__name__ == saga_name]
    if not named:
        recorded = f" (recorded as {code})" if code else ""
        raise SagaClassNotFoundError(
            f"no class {saga_name!r}{recorded} is defined in this program; import the module that "
            "has it, give a saga_factory, --factory module:name, or name the module under "
            "`sagas = [...]` in sagaz.toml"
        )
    if len(named) > 1:
        raise AmbiguousSagaError(
            f"{len(named)} classes are called {saga_name!r}: "
            f"{', '.join(code_of(saga_class) for saga_class in named)}; "
            "say which with a saga_factory, or --factory module:name"
        )
    return named[0]


def load_factory(name: str) -> SagaFactory:
    """Import ``package.module:name``, which must be a saga class or another factory.

    Raises:
        SagaFactoryError: the module cannot be imported, or has no such callable; or it is one of
            Python's own, which would only do something else with the context.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise SagaFactoryError(f"{name!r} names no factory; write it as package.module:name")
    _refuse_pythons_own(name, module_name)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise SagaFactoryError(
            f"the module of factory {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise SagaFactoryError(
            f"module {module_name!r} has no {attribute!r} that can be called; "
            "a factory takes the context and returns a saga"
        )
    if inspect.isroutine(found) or inspect.isclass(found):
        _refuse_pythons_own(name, str(found.__module__))
    return cast("SagaFactory", found)


def _refuse_pythons_own(name: str, module_name: str) -> None:
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise SagaFactoryError(
            f"{name!r} is Python's own and makes no saga, so it is not called; name a saga class, "
            "or a function of yours that takes the context and returns a saga"
        )


async def make_saga(
    factory: SagaFactory, context: dict[str, Any], *, timeout: float = FACTORY_TIMEOUT
) -> Saga | EngineCode:
    """Call a factory with a copy of ``context`` and return its saga, or its engine.

    A factory that is no coroutine function runs in a thread of its own, so that one that hangs
    holds up nothing but itself.

    Raises:
        SagaFactoryError: it raised, took longer than ``timeout`` seconds, or returned neither.
    """
    try:
        made = await _within(timeout, _call(factory, deepcopy(context)))
    except _TooSlowError:
        raise SagaFactoryError(
            f"the saga factory has not returned within {timeout:g} seconds; "
            "see whether it waits for a service that is down"
        ) from None
    if isinstance(made, Saga):
        return made
    if is_engine(made):
        return EngineCode(made)
    raise SagaFactoryError(
        f"the saga factory returned {type(made).__name__}, which is no Saga and has no "
        "`async def resume(self, context, from_step, recorder)`; return an instance of your saga "
        "class, or an engine of your own with that method"
    )


async def build_saga(
    saga: Saga | EngineCode, *, timeout: float = FACTORY_TIMEOUT
) -> tuple[Step, ...]:
    """Have a saga build itself and return its steps; no action is called. An engine tells none.

    Raises:
        SagaDefinitionError: its steps do not fit together.
        SagaFactoryError: ``build()`` raised, or took longer than ``timeout`` seconds.
    """
    if isinstance(saga, EngineCode):
        return ()
    try:
        return await _within(timeout, saga.prepare())
    except SagaDefinitionError:
        raise
    except _TooSlowError:
        raise SagaFactoryError(
            f"{saga.saga_name}.build() has not returned within {timeout:g} seconds; "
            "it should only add steps"
        ) from None
    except Exception as error:
        raise SagaFactoryError(
            f"{saga.saga_name}.build() raised {type(error).__name__}: {error}"
        ) from error


def saga_of_class(saga_class: type[Saga], context: dict[str, Any]) -> Saga:
    """Make a saga where no factory is given: the class, called with a copy of the context.

    Raises:
        SagaFactoryError: it raised.
    """
    try:
        return saga_class(context=deepcopy(context))
    except TypeError as error:
        raise SagaFactoryError(
            f"{saga_class.__name__}(context=...) does not work ({error}); give a saga_factory "
            "that passes what its constructor needs"
        ) from error
    except Exception as error:
        raise SagaFactoryError(
            f"{saga_class.__name__}(context=...) raised {type(error).__name__}: {error}"
        ) from error


async def _call(factory: SagaFactory, context: dict[str, Any]) -> Any:
    try:
        if inspect.iscoroutinefunction(factory):
            return await factory(context)
        made = await _in_thread(factory, context)
        return await made if inspect.isawaitable(made) else made
    except SagaFactoryError:
        raise
    except Exception as error:
        raise SagaFactoryError(
            f"the saga factory raised {type(error).__name__}: {error}"
        ) from error


async def _in_thread(factory: SagaFactory, context: dict[str, Any]) -> Any:
    """Call in a daemon thread: one of a pool would keep the program from ending if it hangs."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[Any, Exception | None]] = loop.create_future()
    variables = copy_context()

    def settle(value: Any, error: Exception | None) -> None:
        if not outcome.done():
            outcome.set_result((value, error))

    def run() -> None:
        value, error = None, None
        try:
            value = variables.run(factory, context)
        except Exception as raised:  # noqa: BLE001 - it is raised where it is waited for
            error = raised
        # Closed: whoever waited has given up.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="saga factory", daemon=True).start()
    value, error = await outcome
    if error is not None:
        raise error
    return value


_T = TypeVar("_T")


class _TooSlowError(Exception):
    """The time is up."""


async def _within(timeout: float, work: Awaitable[_T]) -> _T:
    """Wait for ``work`` at most ``timeout`` seconds; one that ignores its cancelling is left."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise _TooSlowError
    return task.result()
