"""A bar on a terminal that shows how far a long command is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol


class Draw(Protocol):
    """Draws how many are done, of how many, and a few words beside it."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Draw it."""


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Draw]:
    """Yield what draws the bar; without a terminal on stderr it draws nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total, note="": None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, note="": bar.update(
            task, completed=done, total=total, description=note
        )
