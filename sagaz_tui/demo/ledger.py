"""The demo shop's ledger: what its sagas did to the world, in a file that sagaz never touches."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from sagaz_core.model import utc_now

LEDGER_FILE: Final = "ledger.db"
_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS effect (
    number          INTEGER PRIMARY KEY,
    order_id        TEXT NOT NULL,
    effect          TEXT NOT NULL,
    qty             INTEGER NOT NULL,
    amount          TEXT NOT NULL,
    saga_id         TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    at              TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS effect_by_order ON effect (order_id);
"""
_UNDOES: Final = {"released": "reserved", "refunded": "charged"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that was done: stock ``reserved`` or ``released``, money ``charged`` or
    ``refunded``, an order ``shipped``."""

    order_id: str
    effect: str
    saga_id: str
    idempotency_key: str
    qty: int = 0
    amount: Decimal = Decimal(0)


class Ledger:
    """Effects, in order, in an SQLite file.

    Nothing is ever merged or refused: an effect that happened twice stands there twice.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use the ledger at ``path``; by default ``ledger.db`` in the current folder."""
        self.path = path or Path.cwd() / LEDGER_FILE
        self._writing = threading.Lock()

    def record(self, effect: Effect) -> None:
        """Write down one effect, for good."""
        with self._writing, closing(self._connect()) as connection, connection:
            connection.execute(
                "INSERT INTO effect (order_id, effect, qty, amount, saga_id, idempotency_key, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    effect.order_id,
                    effect.effect,
                    effect.qty,
                    str(effect.amount),
                    effect.saga_id,
                    effect.idempotency_key,
                    utc_now().isoformat(),
                ),
            )

    def effects(self, order_id: str) -> list[Effect]:
        """Return what was done for an order, in order."""
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "SELECT order_id, effect, saga_id, idempotency_key, qty, amount"
                " FROM effect WHERE order_id = ? ORDER BY number",
                (order_id,),
            ).fetchall()
        return [
            Effect(
                order_id=order,
                effect=effect,
                saga_id=saga_id,
                idempotency_key=key,
                qty=qty,
                amount=Decimal(amount),
            )
            for order, effect, saga_id, key, qty, amount in rows
        ]

    def balance(self, order_id: str) -> dict[str, int]:
        """Return how often each effect stands for an order once what was undone is taken off."""
        return balance(self.effects(order_id))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        return connection


def balance(effects: Sequence[Effect]) -> dict[str, int]:
    """Return how often each effect stands once what was undone is taken off."""
    standing = {"reserved": 0, "charged": 0, "shipped": 0}
    for effect in effects:
        undone = _UNDOES.get(effect.effect)
        if undone is None:
            standing[effect.effect] += 1
        else:
            standing[undone] -= 1
    return standing
