"""What is there is found, in order, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sagaz_core.model import StepError
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, snapshot


class FindingContract(ContractBase):
    """What is there is found, in order, and nothing else is."""

    async def test_equal_times_are_ordered_by_sequence(self, storage: SnapshotStorage) -> None:
        for step in ("a", "b", "c"):
            await storage.save_snapshot(snapshot(step=step, created_at=T0))
        found = await storage.list_snapshots("saga")
        assert [each.step_name for each in found] == ["c", "b", "a"]
        latest = await storage.get_snapshot_at_time("saga", T0)
        assert latest is not None
        assert latest.step_name == "c"

    async def test_a_clock_that_jumps_back_does_not_turn_time_round(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="a", created_at=T0))
        await storage.save_snapshot(snapshot(step="b", created_at=T0 - timedelta(hours=1)))
        newest, oldest = await storage.list_snapshots("saga")
        assert (oldest.step_name, newest.step_name) == ("a", "b")
        assert newest.created_at >= oldest.created_at

    async def test_state_at_before_between_and_after(self, storage: SnapshotStorage) -> None:
        for number, step in enumerate(("a", "b", "c")):
            at = T0 + timedelta(seconds=10 * number)
            await storage.save_snapshot(snapshot(step=step, created_at=at))

        async def step_at(seconds: float) -> str | None:
            found = await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=seconds))
            return found.step_name if found else None

        assert await step_at(-0.000001) is None
        assert await step_at(0) == "a"
        assert await step_at(9.999999) == "a"
        assert await step_at(10) == "b"
        assert await step_at(3600) == "c"

    async def test_a_saga_s_snapshots_can_be_narrowed_down(self, storage: SnapshotStorage) -> None:
        for number, (step, status) in enumerate(
            (("a", "executing"), ("b", "executing"), ("b", "compensating"), ("a", "failed"))
        ):
            at = T0 + timedelta(seconds=number)
            await storage.save_snapshot(snapshot(step=step, status=status, created_at=at))

        async def sequences(**filters: Any) -> list[int]:
            return [found.sequence for found in await storage.list_snapshots("saga", **filters)]

        assert await sequences() == [4, 3, 2, 1]
        assert await sequences(limit=2) == [4, 3]
        assert await sequences(limit=0) == []
        assert await sequences(step_name="b") == [3, 2]
        assert await sequences(status="compensating") == [3]
        assert await sequences(after=T0 + timedelta(seconds=2)) == [4, 3]
        assert await sequences(before=T0 + timedelta(seconds=1)) == [2, 1]
        assert await sequences(after=T0, before=T0) == [1]
        assert await sequences(saga_id_prefix="other") == []

    async def test_the_timeline_is_read_in_either_direction_and_in_part(
        self, storage: SnapshotStorage
    ) -> None:
        for number in range(1, 11):
            await storage.save_snapshot(snapshot(step=f"s{number}"))

        async def sequences(**part: Any) -> list[int]:
            return [line.sequence for line in await storage.list_checkpoints("saga", **part)]

        assert await sequences() == list(range(1, 11))
        assert await sequences(after=7) == [8, 9, 10]
        assert await sequences(until=2) == [1, 2]
        assert await sequences(reverse=True, limit=3) == [10, 9, 8]
        assert await sequences(after=2, until=8, reverse=True, limit=2) == [8, 7]

    async def test_latest_before_a_step(self, storage: SnapshotStorage) -> None:
        for step in ("a", "b", "c"):
            await storage.save_snapshot(snapshot(step=step))
        found = await storage.get_latest_snapshot("saga", before_step="b")
        assert found is not None
        assert found.step_name == "b"
        assert await storage.get_latest_snapshot("saga", before_step="nowhere") is None
        assert await storage.get_latest_snapshot("nobody") is None

    async def test_nothing_is_cut_off_and_pages_miss_no_saga(
        self, storage: SnapshotStorage
    ) -> None:
        ids = {f"saga_{number:04}" for number in range(230)}
        await asyncio.gather(
            *(storage.save_snapshot(snapshot(each, created_at=T0)) for each in ids)
        )
        assert {found.saga_id for found in await storage.list_snapshots()} == ids
        seen: list[str] = []
        cursor = None
        while True:
            page = await storage.list_sagas(cursor=cursor, limit=50)
            seen += [saga.saga_id for saga in page.sagas]
            cursor = page.cursor
            if cursor is None:
                break
        assert len(seen) == len(ids)
        assert set(seen) == ids

    async def test_prefixes_are_literal(self, storage: SnapshotStorage) -> None:
        ids = ("order_1", "orderX1", "%", "%a", "*", "[a]", "a", "../*%{}", "é1", "ée")
        for each in ids:
            await storage.save_snapshot(snapshot(each))
        for prefix in ids:
            found = await storage.list_snapshots(saga_id_prefix=prefix)
            assert {each.saga_id for each in found} == {
                each for each in ids if each.startswith(prefix)
            }

    async def test_sagas_are_found_by_what_they_are(self, storage: SnapshotStorage) -> None:
        error = StepError("CardDeclined", "token tok_123 expired")
        await storage.save_snapshot(
            snapshot("a", kind="failed", status="failed", error=error, created_at=T0)
        )
        await storage.save_snapshot(
            snapshot("b", saga_name="Other", status="executing", created_at=T0 + timedelta(1))
        )

        async def ids(**filters: Any) -> list[str]:
            page = await storage.list_sagas(**filters)
            return [saga.saga_id for saga in page.sagas]

        assert await ids() == ["b", "a"]
        assert await ids(status="failed") == ["a"]
        assert await ids(status="executing") == ["b"]
        assert await ids(name="Oth*") == ["b"]
        assert await ids(name="Oth?r") == []
        assert await ids(error="TOKEN") == ["a"]
        assert await ids(since=T0 + timedelta(hours=1)) == ["b"]
        assert await ids(until=T0 + timedelta(hours=1)) == ["a"]
        assert await storage.count_sagas("status") == {"failed": 1, "executing": 1}
        groups = await storage.count_sagas("error_group")
        assert list(groups.values()) == [1]
        assert await ids(error_group=next(iter(groups))) == ["a"]

    async def test_tags_are_found(self, storage: SnapshotStorage) -> None:
        for saga_id, order in (("a", "1"), ("b", "2")):
            writer = storage.writer(saga_id=saga_id, saga_name="S", tags={"order": order})
            await writer.append(capture(snapshot(saga_id)))
        page = await storage.list_sagas(tags={"order": "2"})
        assert [saga.saga_id for saga in page.sagas] == ["b"]

    async def test_a_list_without_a_saga_leaves_out_replays_and_recovered_sagas(
        self, storage: SnapshotStorage
    ) -> None:
        for root in ("a", "b"):
            await storage.save_snapshot(snapshot(root, kind="failed", status="failed"))
        lease = await storage.acquire_lease("a", owner="me", holder="a~r1")
        writer = storage.writer(
            saga_id="a~r1",
            saga_name="Contract",
            root_id="a",
            parent_id="a",
            parent_sequence=1,
            fence=lease.fence,
        )
        await writer.append(capture(snapshot("a~r1", kind="completed", status="completed")))
        await lease.release(recovered_by="a~r1")
        assert [found.saga_id for found in await storage.list_snapshots(status="failed")] == ["b"]
        assert [found.saga_id for found in await storage.list_snapshots()] == ["b"]
        summary = await storage.get_saga("a")
        assert summary is not None
        assert summary.recovered_by == "a~r1"
        assert [each.saga_id for each in await storage.list_family("a")] == ["a", "a~r1"]

    async def test_who_changed_a_key_is_known_without_reading_values(
        self, storage: SnapshotStorage
    ) -> None:
        writer = storage.writer(saga_id="saga", saga_name="S")
        await writer.append(capture(snapshot(context={"x": 1, "y": 1})))
        await writer.append(capture(snapshot(context={"x": 2, "y": 1})), causes={"x": "a"})
        await writer.append(capture(snapshot(context={"y": 1})), causes={"x": "b"})
        touches = await storage.list_changes("saga", key="x")
        assert [(touch.sequence, touch.step_name) for touch in touches] == [
            (3, "b"),
            (2, "a"),
            (1, None),
        ]
        assert [touch.sequence for touch in await storage.list_changes("saga", key="y")] == [1]

    async def test_a_deleted_checkpoint_is_gone_and_its_neighbours_are_not(
        self, storage: SnapshotStorage
    ) -> None:
        saved = [snapshot(step=f"s{n}", context={"n": n, "log": ["x"] * n}) for n in range(5)]
        for each in saved:
            await storage.save_snapshot(each)
        assert await storage.delete_snapshot(saved[2].snapshot_id)
        assert not await storage.delete_snapshot(saved[2].snapshot_id)
        assert await storage.get_snapshot(saved[2].snapshot_id) is None
        found = await storage.list_snapshots("saga")
        assert [each.context["n"] for each in found] == [4, 3, 1, 0]
        assert found[1].context == {"n": 3, "log": ["x"] * 3}

    async def test_a_saga_expires_by_its_latest_retention(self, storage: SnapshotStorage) -> None:
        soon, late = T0 + timedelta(days=1), T0 + timedelta(days=9)
        await storage.save_snapshot(snapshot("a", retention_until=soon))
        await storage.save_snapshot(snapshot("b", retention_until=soon))
        await storage.save_snapshot(snapshot("b", retention_until=late))
        await storage.save_snapshot(snapshot("c"))
        assert await storage.delete_expired_snapshots(now=T0 + timedelta(days=2)) == 1
        assert {each.saga_id for each in await storage.list_snapshots()} == {"b", "c"}
        assert await storage.get_latest_snapshot("a") is None

    async def test_a_hidden_checkpoint_is_hidden_from_every_question(
        self, storage: SnapshotStorage
    ) -> None:
        saved = [
            snapshot(step=f"s{n}", context={"n": n}, created_at=T0 + timedelta(seconds=n))
            for n in range(4)
        ]
        for each in saved:
            await storage.save_snapshot(each)
        await storage.delete_snapshot(saved[3].snapshot_id)
        await storage.delete_snapshot(saved[1].snapshot_id)
        assert [line.sequence for line in await storage.list_checkpoints("saga")] == [1, 3]
        assert [each.sequence async for each in storage.iter_checkpoints("saga")] == [1, 3]
        for found, number in (
            (await storage.get_latest_snapshot("saga"), 2),
            (await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=1)), 0),
            (await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=9)), 2),
            ((await storage.list_snapshots())[0], 2),
        ):
            assert found is not None
            assert found.context == {"n": number}
        assert await storage.get_latest_snapshot("saga", before_step="s1") is None
        assert await storage.save_snapshot(snapshot(context={"n": 4})) == 5
