"""Calling what people wrote: coroutine functions, and plain ones in a thread.

All calls go through this module, which is how a traceback is cut where the engine ends.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from sagaz_core.model import StepError
from sagaz_core.saga.recorded_failure import RecordedFailureError

_MAX_MESSAGE: Final = 16_384
_MAX_TRACEBACK: Final = 65_536


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling ``function`` gives a coroutine without running any of it."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is wanted
    )


async def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function``, a plain one in a thread, and return what it, or its awaitable, gives."""
    if is_async(function):
        return await function(*arguments)
    value = await asyncio.to_thread(_call_plain, function, arguments)
    if inspect.isawaitable(value):
        return await value
    return value


def _call_plain(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except StopIteration as error:
        # A future cannot carry it: the saga would wait for ever.
        raise RuntimeError("the function raised StopIteration") from error


def describe_error(error: BaseException) -> StepError:
    """Return an exception as text, its traceback without the engine's own frames."""
    if isinstance(error, RecordedFailureError):
        return error.recorded
    try:
        message = str(error)
    except Exception as broken:  # noqa: BLE001 - a person's __str__ may raise anything
        message = f"‹its message raised {type(broken).__name__}›"
    lines = traceback.format_exception(type(error), error, _beyond_engine(error.__traceback__))
    return StepError(
        type=type(error).__name__,
        message=message[:_MAX_MESSAGE],
        traceback="".join(lines)[-_MAX_TRACEBACK:],
    )


def _beyond_engine(frames: TracebackType | None) -> TracebackType | None:
    beyond = frames
    while frames is not None:
        if frames.tb_frame.f_code.co_filename == __file__:
            beyond = frames.tb_next or frames
        frames = frames.tb_next
    return beyond
