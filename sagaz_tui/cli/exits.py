"""How a command ends: the exit codes, and the words that go with them to stderr."""

from __future__ import annotations

from typing import Final

import typer

from sagaz_core.errors import DecryptionError, NotFoundError, SagazError, StorageError, UsageError
from sagaz_tui.showing.text import visible_lines

DONE: Final = 0
FAILED: Final = 1
"""A replay failed, was refused, or its plan is invalid."""
USAGE: Final = 2
NOT_FOUND: Final = 3
STORAGE: Final = 4

_CODES: Final[tuple[tuple[type[SagazError], int], ...]] = (
    (UsageError, USAGE),
    (NotFoundError, NOT_FOUND),
    (StorageError, STORAGE),
    (DecryptionError, STORAGE),
)


def exit_code(error: SagazError) -> int:
    """Return the exit code for an error that a person can cause."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def say(text: str) -> None:
    """Write words to a person, on stderr, each line safe to show."""
    for line in visible_lines(text):
        typer.echo(f"sagaz: {line}", err=True)
