"""A saga that is removed while it is read was there or was not; it is never called damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import NotFoundError
from sagaz_core.history.time_travel import SagaTimeTravel
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_tui.debugger.session import SagaSession

LATER = datetime(2999, 1, 1, tzinfo=UTC)


async def looked_at_by_the_debugger(storage: SQLiteSnapshotStorage) -> None:
    session = SagaSession(storage, "s")
    await session.refresh()
    assert session.view is not None
    await session.moment(5)


async def iterated(storage: SQLiteSnapshotStorage) -> list[SagaSnapshot]:
    return [found async for found in storage.iter_checkpoints("s")]


LOOKS: dict[str, Callable[[SQLiteSnapshotStorage], Awaitable[Any]]] = {
    "get_checkpoint": lambda storage: storage.get_checkpoint("s", 5),
    "get_latest_snapshot": lambda storage: storage.get_latest_snapshot("s"),
    "get_snapshot_at_time": lambda storage: storage.get_snapshot_at_time("s", LATER),
    "list_snapshots": lambda storage: storage.list_snapshots("s"),
    "list_snapshots of all": lambda storage: storage.list_snapshots(),
    "list_checkpoints": lambda storage: storage.list_checkpoints("s"),
    "list_changes": lambda storage: storage.list_changes("s"),
    "list_sagas": lambda storage: storage.list_sagas(),
    "get_run": lambda storage: storage.get_run("s"),
    "iter_checkpoints": iterated,
    "state at a time": lambda storage: SagaTimeTravel.get_state_at(
        saga_id="s", timestamp=LATER, snapshot_storage=storage
    ),
    "the debugger": looked_at_by_the_debugger,
}


@pytest.mark.parametrize("look", LOOKS)
async def test_a_saga_that_is_removed_between_two_statements_is_just_not_there(
    tmp_path: Path, look: str
) -> None:
    path = tmp_path / "s.db"
    ever_removed = 0
    for before in range(1, 30):
        async with SQLiteSnapshotStorage(path) as remover:
            for number in range(1, 8):
                await remover.save_snapshot(
                    SagaSnapshot(saga_id="s", saga_name="S", context={"n": number, "x": "y" * 900})
                )
            async with SQLiteSnapshotStorage(path) as storage:
                removed = await _remove_before_statement(storage, before)
                try:
                    await LOOKS[look](storage)
                except NotFoundError:
                    assert removed
            await remover.delete_expired_snapshots(LATER)
            await remover.backend.delete(["s"])
        ever_removed += bool(removed)
        if not removed:
            break
    assert ever_removed > 0


async def _remove_before_statement(storage: SQLiteSnapshotStorage, nth: int) -> list[str]:
    """Have another connection remove the saga before the nth statement from now on."""
    backend = storage.backend
    assert isinstance(backend, SQLiteBackend)
    removed: list[str] = []
    seen = 0

    def statement(sql: str) -> None:
        nonlocal seen
        seen += sql.startswith("SELECT")
        if seen == nth and not removed:
            removed.append(sql)
            other = sqlite3.connect(backend.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            for table in ("entry", "touch", "saga"):
                other.execute(f"DELETE FROM {table}")
            other.execute("COMMIT")
            other.close()

    await backend._file.run(lambda db: db.set_trace_callback(statement))
    return removed
