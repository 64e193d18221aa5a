"""A store of orders that failed and some that did not, for the tests of the batch command."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command, Done
from tests.cli.shop import Order, order

GOOD = ("--override", "payment_token=tok_new")
BATCH = ("replay", "batch")
ORDERS = ("--name", "Order")
MODULES = "tests.cli.shop,tests.cli.batch_shop"


class PostedParcel(Saga):
    """Another class, which fails at ``send`` until it has an address."""

    async def build(self) -> None:
        await self.add_step("weigh", self._weigh)
        await self.add_step("send", self._send)

    async def _weigh(self, ctx: Any) -> dict[str, Any]:
        return {"grams": 100}

    async def _send(self, ctx: Any) -> None:
        if ctx.get("address") is None:
            raise LookupError(f"no address for parcel {ctx['parcel']}")


class StuckOrder(Saga):
    """Fails at ``go`` until it is ready, and what it took cannot be given back."""

    async def build(self) -> None:
        await self.add_step("take", self._take, self._give_back)
        await self.add_step("go", self._go)

    async def _take(self, ctx: Any) -> dict[str, Any]:
        return {"taken": 1}

    async def _give_back(self, result: dict[str, Any], ctx: Any) -> None:
        raise ConnectionError("nobody answers")

    async def _go(self, ctx: Any) -> None:
        if "ready" not in ctx:
            raise ValueError("not yet")


async def record_orders(path: Path) -> None:
    """Record three failed orders, a completed one, and a failed parcel, in this order."""
    async with SQLiteSnapshotStorage(path) as store:
        for number in (1, 2, 3):
            context = order(currency="EUR" if number < 3 else "USD")
            await Order(
                context,
                saga_id=f"order_{number}",
                snapshot_storage=store,
                tags={"region": "north" if number == 1 else "south"},
            ).execute()
        await Order(order("tok_good"), saga_id="order_4", snapshot_storage=store).execute()
        await PostedParcel({"parcel": 7}, saga_id="parcel_7", snapshot_storage=store).execute()


def record(path: Path) -> Path:
    """Make such a store and return where it is."""
    asyncio.run(record_orders(path))
    return path


def rows(store: Path) -> list[list[tuple[object, ...]]]:
    """Return everything in the store."""
    with closing(sqlite3.connect(store)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names]


def selected(command: Command, *arguments: str) -> list[str]:
    """The sagas that a batch with these conditions is about."""
    done = command(*BATCH, *arguments, "--dry-run", "--format", "json")
    return sorted(item["saga_id"] for item in done.json["items"])


def events(done: Done) -> list[dict[str, Any]]:
    """What was told of a batch without a terminal, one event a line."""
    return [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]


def words(done: Done) -> Iterator[str]:
    """What was said besides."""
    return (line for line in done.err.splitlines() if not line.startswith("{"))


def program(*arguments: str) -> list[str]:
    """The real program with these arguments, as a command for a process."""
    return [sys.executable, "-m", "sagaz_tui", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment of such a process: nobody's settings but these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")}
    return {**ours, **more}
