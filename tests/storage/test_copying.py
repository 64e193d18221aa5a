"""A copy holds what the original holds, and nothing that was there before is written over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core import copy_sagas
from sagaz_core.errors import (
    ReadOnlyStoreError,
    StorageUnavailableError,
    UsageError,
)
from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.backends.rows import Append, Outcome, SagaPage, SagaQuery
from sagaz_core.storage.capture import capture
from sagaz_core.storage.copying import CopyProgress
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, snapshot
from sagaz_core.testing.keys import protected_append
from sagaz_core.testing.rows import append_of
from tests.storage.families import everything, fill, record, replay
from tests.storage.kinds import Stores


async def test_everything_is_at_the_target_as_it_was(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    report = await copy_sagas(source, target)
    assert await everything(target) == await everything(source)
    assert (report.sagas, report.copied, report.conflicts) == (7, 7, ())
    assert report.checkpoints == report.verified == 4 + 4 + 4 + 2 + 2 + 301 + 1
    assert report.documents == 2
    assert report.complete


async def test_a_second_copy_changes_nothing(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    first = await copy_sagas(source, target)
    before = await everything(target)
    report = await copy_sagas(source, target)
    assert (report.unchanged, report.copied, report.continued) == (7, 0, 0)
    assert (report.checkpoints, report.documents) == (0, 0)
    assert report.verified == first.checkpoints
    assert await everything(target) == before


async def test_only_matching_sagas_are_copied_but_with_their_whole_families(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await fill(source)
    await copy_sagas(source, target, tags={"order_id": "8841"})
    assert set(await everything(target)) == {"plain"}
    report = await copy_sagas(source, target, status="completed", prefix="replayed")
    assert set(await everything(target)) == {"plain", "replayed", "replayed~r1", "replayed~r2"}
    assert report.copied == 3


async def test_a_running_saga_is_copied_as_far_as_it_is_and_continued_later(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    writer = source.writer(saga_id="a", saga_name="S", fence=1, claim=True, owner="x")
    await writer.append(capture(snapshot("a", "first")))
    report = await copy_sagas(source, target)
    assert (report.running, report.copied) == (("a",), 1)
    there = await target.get_saga("a")
    assert there is not None
    assert (there.status, there.checkpoints) == ("interrupted", 1)

    await writer.append(capture(snapshot("a", "second")))
    await writer.append(
        capture(snapshot("a", "end", kind="completed", status="completed")), release=True
    )
    report = await copy_sagas(source, target)
    assert (report.running, report.continued, report.checkpoints) == ((), 1, 2)
    assert await everything(target) == await everything(source)


async def test_a_run_that_ended_without_a_checkpoint_has_ended_at_the_target_too(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    writer = source.writer(saga_id="a", saga_name="S", fence=1, claim=True, owner="x")
    await writer.append(capture(snapshot("a")))
    await copy_sagas(source, target)
    await writer.finish("completed", "none")
    report = await copy_sagas(source, target)
    assert report.continued == 1
    assert await everything(target) == await everything(source)


async def test_wrapped_keys_and_codes_are_carried_along(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    ours = source.backend
    plain = append_of("protected_since")
    await ours.append([protected_append("a"), protected_append("a", 2), plain])
    await copy_sagas(source, target)
    await target.backend.rewrap("a", b"by its own keyring", expected=b"key")
    await ours.append([protected_append("a", 3), protected_append("protected_since", 2)])
    report = await copy_sagas(source, target)
    assert (report.continued, report.conflicts) == (2, ())
    for saga_id, key in (("a", b"by its own keyring"), ("protected_since", b"key")):
        row, there = await ours.saga(saga_id), await target.backend.saga(saga_id)
        assert row is not None
        assert there == row._replace(wrapped_key=key)
        assert await target.backend.entries(saga_id, 1, 9) == await ours.entries(saga_id, 1, 9)


async def test_a_replay_made_since_is_added_to_its_family(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a", outcome="failed")
    await copy_sagas(source, target)
    await replay(source, "a")
    report = await copy_sagas(source, target)
    assert (report.copied, report.unchanged, report.documents) == (1, 1, 1)
    assert await everything(target) == await everything(source)
    page = await target.list_sagas(unsettled=True)
    assert page.sagas == []


async def test_a_checkpoint_deleted_since_is_deleted_at_the_target(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a")
    await copy_sagas(source, target)
    await source.delete_snapshot((await source.list_checkpoints("a"))[1].snapshot_id)
    await copy_sagas(source, target)
    assert await everything(target) == await everything(source)


async def test_a_source_that_is_written_meanwhile_loses_nothing(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    async def run(number: int) -> None:
        for batch in range(5):
            await record(source, f"s{number}_{batch}", steps=5, start=number)

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(run(number))
        await asyncio.sleep(0)
        seen: set[str] = set()
        while len(seen) < 50:
            report = await copy_sagas(source, target)
            assert report.complete, report.conflicts
            seen = set(await everything(target))
    report = await copy_sagas(source, target)
    assert report.complete
    assert await everything(target) == await everything(source)


async def test_a_saga_that_ends_while_it_is_copied_is_copied_once(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        for number in range(20):
            await record(source, f"ended{number}", steps=1)
        writer = source.writer(saga_id="going", saga_name="S", fence=1, claim=True, owner="x")
        await writer.append(capture(snapshot("going")))
        sagas = source.backend.sagas
        asked: list[SagaQuery] = []

        async def and_it_ends(query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
            asked.append(query)
            if query.status == ("completed", "failed") and writer.head == 1:
                await writer.append(
                    capture(snapshot("going", kind="completed", status="completed")), release=True
                )
            return await sagas(query, cursor=cursor, limit=limit)

        source.backend.sagas = and_it_ends  # type: ignore[method-assign]
        report = await copy_sagas(source, target)
        assert (report.sagas, report.copied, report.running) == (21, 21, ())
        assert writer.head == 2
        assert await everything(target) == await everything(source)


async def test_a_family_whose_sagas_lie_far_apart_in_time_is_copied_once(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "root", outcome="failed")
    for number in range(40):
        await record(source, f"between{number}", steps=1, start=10 + number)
    await replay(source, "root")
    report = await copy_sagas(source, target)
    assert (report.sagas, report.copied, report.unchanged) == (42, 42, 0)


async def test_expired_sagas_are_left_out_and_counted(
    stores: Stores, target: SnapshotStorage
) -> None:
    async with stores("memory", "source") as source:
        await record(source, "old", until=T0)
        await record(source, "new")
        report = await copy_sagas(source, target)
    assert (report.expired, report.copied) == (1, 1)
    assert set(await everything(target)) == {"new"}


async def test_an_expired_saga_that_is_being_replayed_is_copied(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        await record(source, "old", outcome="failed", until=T0)
        await source.acquire_lease("old", owner="me", holder="old~r1")
        report = await copy_sagas(source, target)
    assert (report.expired, report.copied) == (0, 1)


class _FailingOnce:
    """Lets a backend's append fail once a number of checkpoints is stored."""

    def __init__(self, storage: SnapshotStorage, after: int) -> None:
        self._append, self._left = storage.backend.append, after
        storage.backend.append = self  # type: ignore[method-assign, assignment]

    async def __call__(self, appends: list[Append]) -> list[Outcome]:
        if self._left <= 0:
            raise StorageUnavailableError("the disk is full")
        self._left -= len(appends)
        return await self._append(appends)


@pytest.mark.parametrize("after", [0, 1, 30, 90])
async def test_a_copy_that_broke_off_goes_on_where_it_was(
    source: SnapshotStorage, target: SnapshotStorage, after: int
) -> None:
    await fill(source)
    working = target.backend.append
    _FailingOnce(target, after)
    with pytest.raises(StorageUnavailableError, match="the disk is full"):
        await copy_sagas(source, target)
    target.backend.append = working  # type: ignore[method-assign]
    there = await target.get_saga("long")
    assert there is None or (there.status == "completed") == (there.checkpoints == 301)
    report = await copy_sagas(source, target)
    assert report.complete
    assert await everything(target) == await everything(source)


async def test_progress_reaches_the_number_of_sagas(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        for number in range(40):
            await record(source, f"s{number}")
        told: list[CopyProgress] = []
        await copy_sagas(source, target, progress=told.append)
    assert (told[0].done, told[0].total) == (0, 40)
    assert (told[-1].done, told[-1].total, told[-1].checkpoints) == (40, 40, 160)
    assert [each.done for each in told] == sorted(each.done for each in told)


async def test_progress_goes_on_within_a_long_saga(stores: Stores) -> None:
    async with stores("memory") as source, stores("memory") as target:
        await record(source, "long", steps=599)
        told: list[CopyProgress] = []
        await copy_sagas(source, target, progress=told.append)
    within = [each.checkpoints for each in told if each.done == 0]
    assert within == [0, 16, 80, 336, 592, 600]


async def test_a_store_is_not_copied_into_itself(stores: Stores, tmp_path: Path) -> None:
    async with stores("sqlite", "one") as source:
        await record(source, "a")
        (tmp_path / "link.db").symlink_to(tmp_path / "one.db")
        for same in (source, stores("sqlite", "one"), SQLiteSnapshotStorage(tmp_path / "link.db")):
            with pytest.raises(UsageError, match="cannot be copied into itself"):
                await copy_sagas(source, same)


async def test_the_target_is_made_and_the_source_never(stores: Stores, tmp_path: Path) -> None:
    missing = SQLiteSnapshotStorage(tmp_path / "missing.db", read_only=True)
    with pytest.raises(StorageUnavailableError, match="no store at"):
        await copy_sagas(missing, stores("sqlite", "new"))
    assert list(tmp_path.iterdir()) == []
    async with stores("memory") as source, stores("sqlite", "new") as target:
        await copy_sagas(source, target)
    assert (tmp_path / "new.db").exists()


async def test_a_target_opened_to_look_is_refused(stores: Stores) -> None:
    async with stores("memory") as source:
        await record(source, "a")
        with pytest.raises(ReadOnlyStoreError):
            await copy_sagas(source, InMemorySnapshotStorage(read_only=True))


async def test_the_source_is_only_read(stores: Stores, tmp_path: Path) -> None:
    async with stores("sqlite", "source") as source:
        await fill(source)
    before = (tmp_path / "source.db").read_bytes()
    looking = SQLiteSnapshotStorage(tmp_path / "source.db", read_only=True)
    async with looking, stores("memory") as target:
        report = await copy_sagas(looking, target)
    assert report.copied == 7
    assert (tmp_path / "source.db").read_bytes() == before
