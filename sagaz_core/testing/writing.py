"""Several may write at once, and none writes over another."""

from __future__ import annotations

import asyncio

import pytest

from sagaz_core.errors import (
    DuplicateSnapshotError,
    HeadConflictError,
    ReadOnlyStoreError,
)
from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.backends.base import RecordRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, snapshot


class WritingContract(ContractBase):
    """Several may write at once, and none writes over another."""

    async def test_fifty_sagas_write_at_once(self, storage: SnapshotStorage) -> None:
        async def run(saga_id: str) -> None:
            for step in range(10):
                await storage.save_snapshot(
                    snapshot(saga_id, f"s{step}", context={"id": saga_id, "step": step})
                )

        await asyncio.gather(*(run(f"saga{number}") for number in range(50)))
        for number in range(50):
            found = await storage.list_snapshots(f"saga{number}")
            assert [each.context["step"] for each in found] == list(range(9, -1, -1))
            assert {each.context["id"] for each in found} == {f"saga{number}"}

    async def test_of_two_writers_one_wins_and_the_other_hears_of_it(
        self, storage: SnapshotStorage
    ) -> None:
        first = storage.writer(saga_id="saga", saga_name="S")
        second = storage.writer(saga_id="saga", saga_name="S")
        await first.append(capture(snapshot(context={"by": "first"})))
        await second.append(capture(snapshot(context={"by": "second"})))
        with pytest.raises(HeadConflictError):
            await first.append(capture(snapshot(context={"by": "nobody"})))
        await first.append(capture(snapshot(context={"by": "first again"})))
        found = await storage.list_snapshots("saga")
        assert [each.context["by"] for each in found] == ["first again", "second", "first"]

    async def test_the_same_snapshot_twice_is_stored_once(self, storage: SnapshotStorage) -> None:
        saved = snapshot(context={"n": 1})
        assert await storage.save_snapshot(saved) == 1
        assert await storage.save_snapshot(saved) == 1
        assert len(await storage.list_snapshots("saga")) == 1

    async def test_the_same_id_with_other_content_is_refused(
        self, storage: SnapshotStorage
    ) -> None:
        saved = snapshot(context={"n": 1})
        await storage.save_snapshot(saved)
        with pytest.raises(DuplicateSnapshotError):
            await storage.save_snapshot(snapshot(context={"n": 2}, snapshot_id=saved.snapshot_id))

    async def test_a_cancelled_save_leaves_nothing_half_done(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="s0", context={"n": 0}))
        for number in range(1, 20):
            save = asyncio.ensure_future(
                storage.save_snapshot(snapshot(step=f"s{number}", context={"n": number}))
            )
            await asyncio.sleep(0)
            save.cancel()
            await asyncio.gather(save, return_exceptions=True)
        await storage.save_snapshot(snapshot(step="end", context={"n": "end"}))
        found = await storage.list_snapshots("saga")
        assert [each.sequence for each in found] == list(range(len(found), 0, -1))
        assert found[0].context == {"n": "end"}
        for each in found[1:]:
            assert each.step_name == f"s{each.context['n']}"

    async def test_a_store_opened_to_look_refuses_every_write(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot())
        looking = SnapshotStorage(storage.backend, read_only=True)
        assert len(await looking.list_snapshots("saga")) == 1
        entry = ReplayLogEntry(
            replay_id="r", original_saga_id="saga", from_step="a", snapshot_id=None, sequence=None
        )
        for write in (
            looking.save_snapshot(snapshot()),
            looking.delete_snapshot("x"),
            looking.delete_expired_snapshots(),
            looking.save_replay_log(entry),
            looking.acquire_lease("saga", owner="a", holder="b"),
        ):
            with pytest.raises(ReadOnlyStoreError):
                await write
        with pytest.raises(ReadOnlyStoreError):
            looking.writer(saga_id="saga", saga_name="S")

    async def test_following_yields_what_is_written_and_ends_with_the_saga(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="a"))
        seen: list[str | None] = []
        first = asyncio.Event()

        async def follow() -> None:
            async for found in storage.follow("saga"):
                seen.append(found.step_name)
                first.set()

        following = asyncio.ensure_future(follow())
        await asyncio.wait_for(first.wait(), 5)
        await storage.save_snapshot(snapshot(step="b"))
        await storage.save_snapshot(snapshot(step="c", kind="completed", status="completed"))
        await asyncio.wait_for(following, 5)
        assert seen == ["a", "b", "c"]

    async def test_a_document_is_replaced_only_by_its_version(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.open()
        backend = storage.backend
        record = RecordRow(kind="k", id="1", version=0, saga=None, at=1, body=b"one")
        assert await backend.put(record, expected_version=0)
        assert not await backend.put(record, expected_version=0)
        assert await backend.put(record, expected_version=1)
        found = await backend.get("k", "1")
        assert found is not None
        assert found.version == 2
        assert await backend.get("k", "2") is None
        assert [each.id for each in await backend.scan("k")] == ["1"]

    async def test_the_replay_log_keeps_its_entries(self, storage: SnapshotStorage) -> None:
        entry = ReplayLogEntry(
            replay_id="a~r1",
            original_saga_id="a",
            from_step="charge",
            snapshot_id="x",
            sequence=2,
            initiated_by="ada@host",
            reason="token renewed",
            started_at=T0,
        )
        await storage.save_replay_log(entry)
        assert await storage.get_replay_log("a~r1") == entry
        assert await storage.list_replays("a") == [entry]
        assert await storage.list_replays("b") == []

    async def test_it_can_be_used_again_after_it_was_closed(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context={"n": 1}))
        await storage.close()
        found = await storage.get_latest_snapshot("saga")
        assert found is not None
        assert found.context == {"n": 1}
        await storage.save_snapshot(snapshot(context={"n": 2}))
        assert len(await storage.list_snapshots("saga")) == 2
