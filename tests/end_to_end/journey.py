"""The journey of three in the morning, as keys typed into the real program."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.end_to_end.terminal import Terminal

OVERRIDE = "payment_token=tok_new"
FAILED = "order_8841"
REPLAY = "order_8841~r1"


def fix_and_replay(terminal: Terminal, program: str = "sagaz") -> None:
    """From the shell's prompt to a successful replay of the newest failed saga."""
    terminal.wait_for(r"\$ $|\$ *\n")
    terminal.type(f"{program}\r")
    terminal.wait_for(FAILED)
    terminal.type("\r")
    terminal.wait_for("CardDeclined: token expired")
    # Keys typed ahead are not lost: the line takes what comes after its key.
    terminal.type(f"e{OVERRIDE}\r")
    terminal.wait_for("1 staged")
    terminal.type("R")
    terminal.wait_for("new branch")
    terminal.type("\r")
    terminal.wait_for(lambda text: REPLAY in text and "completed" in text)


def rows_of(store: Path, saga_id: str) -> str:
    """A hash over every stored row of one saga, its family's apart."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        (pk,) = db.execute("SELECT pk FROM saga WHERE id = ?", (saga_id,)).fetchone()
        for table, column, value in (
            ("saga", "pk", pk),
            ("entry", "saga", pk),
            ("touch", "saga", pk),
            ("tag", "saga", pk),
        ):
            for row in db.execute(
                f"SELECT * FROM {table} WHERE {column} = ? ORDER BY 1, 2, 3", (value,)
            ):
                digest.update(repr(row).encode())
    return digest.hexdigest()


def effects_of(ledger: Path, order_id: str) -> list[str]:
    """What was done for an order, in order."""
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT effect FROM effect WHERE order_id = ? ORDER BY number", (order_id,)
        )
        return [effect for (effect,) in rows]
