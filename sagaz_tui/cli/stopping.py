"""Stopping a run by a signal: it is cancelled, and undoes what it has done."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

from sagaz_tui.cli.progress import tell


@contextlib.contextmanager
def cancelled_by_signal(running: asyncio.Task[Any]) -> Iterator[None]:
    """Cancel a task at SIGINT and SIGTERM; a terminal that hangs up (SIGHUP) stops nothing."""
    with at_signals(_Stop(running)):
        yield


@contextlib.contextmanager
def stopped_by_signal(stop: Callable[[], bool]) -> Iterator[None]:
    """At SIGUSR1 let a run's steps under way end, and then undo what it did."""

    def ask() -> None:
        tell(
            "stopping once the step under way has ended; what was done is then undone"
            if stop()
            else "there is no step to stop after"
        )

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, ask)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


@contextlib.contextmanager
def at_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at each SIGINT and SIGTERM, and do nothing at a SIGHUP."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


class _Stop:
    """Stops a run at the first signal; it then undoes what it did, which cannot be hurried."""

    def __init__(self, running: asyncio.Task[Any]) -> None:
        self._running = running
        self._asked = False

    def __call__(self) -> None:
        if self._asked:
            tell("still undoing; killing this process would leave the step under way in doubt")
            return
        self._asked = True
        tell("stopping: the step under way is cancelled, and what was done is undone")
        self._running.cancel()
