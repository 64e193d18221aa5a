"""What was acknowledged survives the death of the process that recorded it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite.schema import _statements, migrations
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.debugger.session import SagaSession
from tests.storage.recording_process import FAR, Nursery, Point, Task, nursery_process

ROUNDS = pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.torture)])


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with nursery_process() as nursery:
        yield nursery


async def check_sound(path: Path) -> None:
    """See that nothing in a file is damaged or half there."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    torn = connection.execute(
        "SELECT s.id FROM saga s LEFT JOIN entry e ON e.saga = s.pk GROUP BY s.pk "
        "HAVING count(e.seq) != s.head OR max(e.seq) != s.head OR max(e.at) != s.updated"
    )
    assert torn.fetchall() == []
    connection.close()
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        found = await storage.backend.check()
        assert [finding for finding in found if finding.level == "error"] == []
        assert "every row belongs to a saga" in {finding.what for finding in found}


def context_at(saga_id: str, sequence: int) -> dict[str, object]:
    return {
        "n": sequence,
        "items": [f"item {n + 1} of {saga_id}" for n in range(sequence)],
    }


async def check_kept(storage: SnapshotStorage, acknowledged: Mapping[str, int]) -> None:
    """See that every acknowledged checkpoint is there, whole, and one more at most."""
    for saga_id, sequence in acknowledged.items():
        found = [each async for each in storage.iter_checkpoints(saga_id)]
        # The one under way when it died may be there too, but whole.
        assert len(found) in (sequence, sequence + 1)
        for each in found:
            assert each.context == context_at(saga_id, each.sequence)


async def check_shown(storage: SnapshotStorage, saga_id: str) -> None:
    """Read a saga the way the debugger does."""
    session = SagaSession(storage, saga_id)
    assert await session.refresh()
    assert session.view is not None
    last = session.view.checkpoints.last_number
    for sequence in range(max(last - 2, 1), last + 1):
        moment = await session.moment(sequence)
        assert moment.problem == ""
        assert {change.path for change in moment.changes} >= {"/n"}
        assert moment.causes.keys() >= {"n", "items"}


async def check_goes_on(path: Path, acknowledged: Mapping[str, int]) -> None:
    """Write one more checkpoint to each saga that was cut off."""
    async with SQLiteSnapshotStorage(path) as storage:
        for saga_id, sequence in acknowledged.items():
            number = await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
            assert number in (sequence + 1, sequence + 2)
        assert await storage.save_snapshot(SagaSnapshot(saga_id="new", saga_name="S")) >= 1


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.torture)])
async def test_every_acknowledged_checkpoint_survives_kills_at_any_moment(
    nursery: Nursery, tmp_path: Path, rounds: int
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    for number in range(rounds):
        task = Task(str(path), f"r{number}", "anywhere")
        acknowledged = nursery.work(task, kill_after=chance.randrange(1, 120))
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            await check_kept(storage, acknowledged)
        await check_sound(path)
    await check_goes_on(path, acknowledged)


@ROUNDS
@pytest.mark.parametrize("point", ["before the commit", "after the commit"])
async def test_a_writer_killed_around_its_commit_loses_nothing_acknowledged(
    nursery: Nursery, tmp_path: Path, point: Point, rounds: int
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    for number in range(rounds):
        task = Task(str(path), f"r{number}", point, chance.randrange(1, 60))
        acknowledged = nursery.work(task)
        # Before anything is mended: what is looked at is what the killed one left.
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            await check_kept(storage, acknowledged)
            stored = {saga.saga_id: saga.checkpoints for saga in (await storage.list_sagas()).sagas}
            more = sum(
                stored.get(f"r{number}-{each}", 0) - acknowledged.get(f"r{number}-{each}", 0)
                for each in range(4)
            )
            # A group of appends is there as a whole or not at all.
            assert (more > 0) == (point == "after the commit")
            for saga_id in acknowledged:
                await check_shown(storage, saga_id)
        await check_sound(path)
        await check_goes_on(path, acknowledged)


@ROUNDS
async def test_a_store_that_was_being_made_when_its_maker_was_killed_is_made_by_the_next(
    nursery: Nursery, tmp_path: Path, rounds: int
) -> None:
    statements = sum(len(_statements(script)) for script in migrations())
    chance = random.Random()
    for number in range(rounds):
        path = tmp_path / f"{number}.db"
        nth = (1, statements, chance.randrange(2, statements))[number % 3]
        assert nursery.work(Task(str(path), "s", "while migrating", nth)) == {}
        with pytest.raises(StorageUnavailableError, match="not a store yet"):
            await SQLiteSnapshotStorage(path, read_only=True).open()
        await check_goes_on(path, {})
        await check_sound(path)


LATER = """
CREATE TABLE later (saga INTEGER NOT NULL);
INSERT INTO later SELECT pk FROM saga;
ALTER TABLE saga ADD COLUMN later TEXT;
DELETE FROM touch;
"""


@ROUNDS
async def test_a_store_whose_schema_was_being_changed_when_killed_is_as_it_was_before(
    nursery: Nursery, tmp_path: Path, rounds: int
) -> None:
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for number in range(1, 6):
            context = context_at("s", number)
            await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S", context=context))
    for number in range(rounds):
        task = Task(str(path), "x", "while migrating", 1 + number % 4, schema=LATER)
        assert nursery.work(task) == {}
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            await check_kept(storage, {"s": 5})
            await check_shown(storage, "s")
        await check_sound(path)
    await check_goes_on(path, {"s": 5})


@ROUNDS
@pytest.mark.parametrize("point", ["while pruning", "after pruning"])
async def test_pruning_that_is_killed_has_removed_everything_or_nothing_and_can_be_repeated(
    nursery: Nursery, tmp_path: Path, point: Point, rounds: int
) -> None:
    path = tmp_path / "s.db"
    chance = random.Random()
    async with SQLiteSnapshotStorage(path) as storage:
        kept = SagaSnapshot(saga_id="kept", saga_name="S", context=context_at("kept", 1))
        await storage.save_snapshot(kept)
    for number in range(rounds):
        expiring = [f"{number}-{each}" for each in range(6)]
        async with SQLiteSnapshotStorage(path) as storage:
            for saga_id in expiring:
                for n in range(1, 6):
                    context = context_at(saga_id, n)
                    await storage.save_snapshot(
                        SagaSnapshot(
                            saga_id=saga_id, saga_name="S", context=context, retention_until=FAR
                        )
                    )
        nth = chance.randrange(1, 7) if point == "while pruning" else 1
        nursery.work(Task(str(path), "", point, nth, prune=True))
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            there = {saga.saga_id for saga in (await storage.list_sagas()).sagas}
            left = {} if point == "after pruning" else dict.fromkeys(expiring, 5)
            assert there == {"kept", *left}
            await check_kept(storage, {"kept": 1, **left})
            for saga_id in there:
                await check_shown(storage, saga_id)
        await check_sound(path)
        async with SQLiteSnapshotStorage(path) as storage:
            assert await storage.delete_expired_snapshots(FAR) == 5 * len(left)
            assert [saga.saga_id for saga in (await storage.list_sagas()).sagas] == ["kept"]
        assert b"item 1 of " + expiring[0].encode() not in path.read_bytes()
