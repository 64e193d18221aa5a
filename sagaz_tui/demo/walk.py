"""The whole journey in plain text: find the failure, learn why, correct it, replay it, prove it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Final

import typer

from sagaz_tui.demo.ledger import Ledger
from sagaz_tui.demo.record import FAILED_ORDER

_FROM: Final = ("replay", "run", FAILED_ORDER, "--from-step", "charge_payment")
_CORRECTED: Final = ("--override", "payment_token=tok_new")
_JOURNEY: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("What failed last?", ("sagas", "--status", "failed", "--limit", "5")),
    (f"What became of {FAILED_ORDER}?", ("show", FAILED_ORDER)),
    ("Who set the token that was declined?", ("blame", FAILED_ORDER, "payment_token")),
    ("What would a replay with another token do?", (*_FROM, *_CORRECTED, "--dry-run")),
    ("Then do it.", (*_FROM, *_CORRECTED, "--reason", "the customer sent a new card")),
    ("What is on record now?", ("replay", "history", FAILED_ORDER)),
)


def walk(run: Callable[[Sequence[str]], int]) -> bool:
    """Walk through the demo in the current folder, by the commands a person would type.

    Args:
        run: runs one command of ours and returns its exit code.

    Returns:
        Whether every command succeeded and the ledger shows the order fulfilled exactly once.
    """
    for heading, command in _JOURNEY:
        typer.echo(f"\n{heading}\n$ sagaz {shlex.join(command)}")
        if run(command) != 0:
            return False
    return _prove()


def _prove() -> bool:
    ledger = Ledger()
    typer.echo(f"\nWhat did the world see? ({ledger.path.name}, which sagaz never touches)")
    for effect in ledger.effects(FAILED_ORDER):
        typer.echo(f"  {effect.effect:<9} by {effect.saga_id}")
    standing = ledger.balance(FAILED_ORDER)
    typer.echo("standing: " + ", ".join(f"{count} {name}" for name, count in standing.items()))
    return all(count == 1 for count in standing.values())
