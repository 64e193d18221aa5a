"""Asking a person whether a batch that was shown is to run."""

from __future__ import annotations

import sys

import typer

from sagaz_core.errors import UsageError
from sagaz_tui.settings import Settings
from sagaz_tui.showing.text import visible


def check_can_ask() -> None:
    """Refuse to go on where there is nobody to ask.

    Raises:
        UsageError: there is no terminal to show a batch on and to read an answer from.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "there is no terminal to ask on; give --yes to run the batch, or --dry-run to see "
            "what would run"
        )


def agreed(runs: int, settings: Settings) -> bool:
    """Ask on stderr; in production the number of sagas has to be typed."""
    if not settings.production:
        return typer.confirm(f"Run these {runs}?", err=True)
    label = visible(settings.production)
    answer: str = typer.prompt(
        f"{label} is in production. To run these, type how many they are", err=True
    )
    return answer.strip() == str(runs)
