"""A saga that runs and has written nothing for long says so, until it writes or ends."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sagaz_core.model import utc_now
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.writer import SagaWriter
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger.quiet import Quiet, quiet_of
from sagaz_tui.settings import Settings
from tests.screen.looking import painted, until, until_painted
from tests.screen.recorded import counting_snapshots


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """An empty store."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        yield storage


async def write(writer: SagaWriter, *, number: int = 1, age: float = 0) -> None:
    """Record a checkpoint of a saga that runs, taken so many seconds ago."""
    (snapshot,) = counting_snapshots(1, "slow_1", first=number)
    taken = utc_now() - timedelta(seconds=age)
    await writer.append(capture(replace(snapshot, created_at=taken)))


def writer_of(storage: SnapshotStorage) -> SagaWriter:
    """The writer of a saga whose lease holds for a while."""
    return storage.writer(saga_id="slow_1", saga_name="CountSaga", claim=True, term=300)


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (120, r"nothing written for \d\d s; its lease holds until \d\d:\d\d:\d\d"),
        (80, r"silent \d\d s, lease to \d\d:\d\d:\d\d  LIVE"),
    ],
)
async def test_the_title_says_for_how_long_and_until_when_the_lease_holds(
    storage: SnapshotStorage, width: int, said: str
) -> None:
    writer = writer_of(storage)
    await write(writer, age=14)
    app = SagazApp(storage, Settings(), "slow_1", ascii=False)
    async with app.run_test(size=(width, 24)) as pilot:
        await until(pilot, lambda: re.search(said, painted(app)), said)
        await write(writer, number=2)
        await until(pilot, lambda: not re.search(said, painted(app)), "no silence")
        await until_painted(pilot, "#2/2")


async def test_one_that_has_ended_or_writes_is_not_quiet(storage: SnapshotStorage) -> None:
    writer = writer_of(storage)
    await write(writer)
    saga = await storage.get_saga("slow_1")
    assert saga is not None
    assert await quiet_of(storage, saga) is None
    before = replace(saga, updated_at=saga.updated_at - timedelta(seconds=60))
    quiet = await quiet_of(storage, before)
    assert quiet is not None
    assert quiet.seconds >= 60
    assert quiet.lease_until is not None
    assert await quiet_of(storage, replace(before, status="completed")) is None


def test_without_a_lease_nothing_is_said_of_one() -> None:
    assert Quiet(14).words == ("nothing written for 14 s", "")
    assert Quiet(14).short_words == ("silent 14 s", "")
    until_when = datetime(2026, 7, 3, 3, 12, 7, tzinfo=UTC)
    clock = f"{until_when.astimezone():%H:%M:%S}"
    lease = f"; its lease holds until {clock}"
    assert Quiet(14, until_when).words == ("nothing written for 14 s", lease)
