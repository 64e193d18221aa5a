"""What is asked of a SQLite file at the same time takes one trip, one transaction, one sync."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sagaz_core.errors import StorageError, StorageUnavailableError
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.backends.sqlite.connection import SQLiteConnection
from sagaz_core.storage.backends.sqlite.file import OpenFile
from sagaz_core.storage.backends.sqlite.records import put_record
from sagaz_core.storage.backends.sqlite.trips import _PATIENCE, Trips


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[SQLiteBackend]:
    made = SQLiteBackend(tmp_path / "orders.db")
    await made.open(read_only=False)
    yield made
    await made.close()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an item for each trip to a connection's thread."""
    made: list[int] = []
    send = SQLiteConnection._send

    def counting(self: SQLiteConnection, work: Callable[[], None]) -> None:
        made.append(1)
        send(self, work)

    monkeypatch.setattr(SQLiteConnection, "_send", counting)
    return made


def document(number: int, body: bytes = b"") -> RecordRow:
    return RecordRow(kind="test", id=f"{number}", version=1, saga=None, at=number, body=body)


async def statements(backend: SQLiteBackend) -> list[str]:
    """Return a list that gets every statement from now on."""
    made: list[str] = []
    await backend._file.run(lambda db: db.set_trace_callback(made.append))
    return made


async def test_questions_asked_at_the_same_time_take_one_trip(
    trips: list[int], backend: SQLiteBackend
) -> None:
    await backend.put(document(0), expected_version=0)
    trips.clear()
    found = await asyncio.gather(
        *(backend.get("test", f"{number}") for number in (0, 1)),
        backend.scan("test"),
        backend.saga("nobody"),
    )
    assert len(trips) == 1
    assert found == [found[0], None, [found[0]], None]


async def test_those_who_ask_again_as_soon_as_they_are_answered_share_the_next_trip(
    trips: list[int], backend: SQLiteBackend
) -> None:
    async def ask() -> None:
        for number in range(5):
            await backend.get("test", f"{number}")

    trips.clear()
    await asyncio.gather(*(ask() for _ in range(20)))
    assert len(trips) == 5


async def test_writes_at_the_same_time_share_one_transaction(backend: SQLiteBackend) -> None:
    made = await statements(backend)
    stored = await asyncio.gather(
        *(backend.put(document(number), expected_version=0) for number in range(9)),
        backend.acquire("root", owner="o", holder="root", term=9, expect_fence=0),
    )
    assert stored[:9] == [True] * 9
    assert [each for each in made if each.split()[0] in ("BEGIN", "COMMIT")] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert len(await backend.scan("test")) == 9


async def test_a_write_that_fails_takes_no_other_along(
    backend: SQLiteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(db: sqlite3.Connection, record: RecordRow, expected_version: int) -> bool:
        stored = put_record(db, record, expected_version)
        if record.id == "3":
            raise sqlite3.OperationalError("this one cannot be stored")
        return stored

    monkeypatch.setattr("sagaz_core.storage.backends.sqlite.backend.put_record", put)
    outcomes = await asyncio.gather(
        *(backend.put(document(number), expected_version=0) for number in range(6)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes[:3]] == [bool] * 3
    assert isinstance(outcomes[3], StorageError)
    assert {record.id for record in await backend.scan("test")} == {"0", "1", "2", "4", "5"}


async def test_a_write_that_is_cancelled_takes_no_other_along(backend: SQLiteBackend) -> None:
    cancelled = asyncio.ensure_future(backend.put(document(1), expected_version=0))
    other = asyncio.ensure_future(backend.put(document(2), expected_version=0))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other is True
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await backend.get("test", "2") is not None


async def test_what_was_asked_for_is_done_before_the_file_is_closed(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path / "orders.db")
    await backend.open(read_only=False)
    writing = asyncio.ensure_future(backend.put(document(1), expected_version=0))
    await asyncio.sleep(0)
    await backend.close()
    assert await writing is True
    await backend.open(read_only=True)
    assert await backend.get("test", "1") is not None
    await backend.close()


async def test_what_waits_when_the_thread_has_ended_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    path.touch()
    sent: list[Callable[[], None]] = []

    def send(work: Callable[[], None]) -> None:
        if sent:
            raise StorageUnavailableError("it is closed")
        sent.append(work)

    db = sqlite3.connect(path)
    trips = Trips(send, db, OpenFile.find(path, read_only=False))
    under_way = asyncio.ensure_future(trips.ask(lambda: 1, writes=False))
    while_it_is = asyncio.ensure_future(_soon(trips))
    await asyncio.sleep(0.01)
    await asyncio.to_thread(sent[0])
    assert await asyncio.wait_for(under_way, 30) == 1
    with pytest.raises(StorageUnavailableError, match="closed"):
        await asyncio.wait_for(while_it_is, 30)
    with pytest.raises(StorageUnavailableError, match="closed"):
        await asyncio.wait_for(trips.ask(lambda: 3, writes=False), 30)
    db.close()


async def _soon(trips: Trips) -> object:
    """Ask once what was asked for before is under way."""
    for _ in range(5):
        await asyncio.sleep(0)
    return await trips.ask(lambda: 2, writes=False)


async def test_a_slow_question_does_not_hold_up_the_answers_before_it(
    backend: SQLiteBackend,
) -> None:
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(db: sqlite3.Connection) -> bool:
        return asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(30)

    async def not_so_slow() -> None:
        await backend._file.run(lambda db: time.sleep(2 * _PATIENCE))
        answered.set()

    # If the answers came together, the second question would wait for the first for ever.
    assert await asyncio.gather(not_so_slow(), backend._file.run(slow)) == [None, True]
