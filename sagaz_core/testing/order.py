"""A saga's checkpoints are in the order in which they were written, and time never turns round."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, snapshot


class OrderContract(ContractBase):
    """A saga's checkpoints are in the order of writing, and time never turns round."""

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
        for step, hours in (("b", 1), ("c", 2)):
            await storage.save_snapshot(snapshot(step=step, created_at=T0 - timedelta(hours=hours)))
        await storage.save_snapshot(snapshot(step="d", created_at=T0 + timedelta(seconds=1)))
        found = await storage.list_snapshots("saga")
        assert [each.step_name for each in found] == ["d", "c", "b", "a"]
        assert [each.created_at for each in found] == [T0 + timedelta(seconds=1), T0, T0, T0]
        at_the_jump = await storage.get_snapshot_at_time("saga", T0)
        assert at_the_jump is not None
        assert at_the_jump.step_name == "c"
        assert await storage.get_snapshot_at_time("saga", T0 - timedelta(seconds=1)) is None

    async def test_a_clock_that_jumped_back_is_made_up_for_by_the_next_writer_too(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="a", created_at=T0))
        await other.save_snapshot(snapshot(step="b", created_at=T0 - timedelta(hours=1)))
        saga = await storage.get_saga("saga")
        assert saga is not None
        assert (saga.started_at, saga.updated_at) == (T0, T0)
        assert [line.created_at for line in await storage.list_checkpoints("saga")] == [T0, T0]

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
        assert await step_at(20) == "c"
        assert await step_at(3600) == "c"
        assert await storage.get_snapshot_at_time("nobody", T0) is None

    async def test_state_at_every_moment_of_a_long_history(self, storage: SnapshotStorage) -> None:
        # Three at each second, so that equal times meet every page.
        for number in range(300):
            at = T0 + timedelta(seconds=number // 3)
            await storage.save_snapshot(snapshot(context={"n": number}, created_at=at))
        for second in (0, 1, 41, 42, 43, 85, 98, 99):
            found = await storage.get_snapshot_at_time("saga", T0 + timedelta(seconds=second + 0.5))
            assert found is not None
            assert found.context == {"n": 3 * second + 2}

    async def test_times_keep_their_microseconds(self, storage: SnapshotStorage) -> None:
        times = [T0 + timedelta(microseconds=number) for number in range(5)]
        for at in times:
            await storage.save_snapshot(snapshot(created_at=at))
        found = await storage.list_snapshots("saga")
        assert [each.created_at for each in reversed(found)] == times
        second = await storage.get_snapshot_at_time("saga", times[1])
        assert second is not None
        assert second.sequence == 2

    async def test_times_before_1970_and_far_off_are_times(self, storage: SnapshotStorage) -> None:
        early, late = T0.replace(year=1), T0.replace(year=9999)
        await storage.save_snapshot(snapshot(step="a", created_at=early))
        await storage.save_snapshot(snapshot(step="b", created_at=late))
        found = await storage.list_snapshots("saga")
        assert [each.created_at for each in found] == [late, early]
        first = await storage.get_snapshot_at_time("saga", T0)
        assert first is not None
        assert first.step_name == "a"

    async def test_sagas_are_listed_by_their_latest_change_then_by_id(
        self, storage: SnapshotStorage
    ) -> None:
        for saga_id, seconds in (("b", 0), ("a", 0), ("c", 0), ("d", 5), ("a", 9), ("é", 0)):
            status = "completed" if saga_id in "bd" else "executing"
            at = T0 + timedelta(seconds=seconds)
            await storage.save_snapshot(snapshot(saga_id, status=status, created_at=at))

        async def ids(**filters: Any) -> list[str]:
            return [saga.saga_id for saga in (await storage.list_sagas(**filters)).sagas]

        assert await ids() == ["a", "d", "é", "c", "b"]
        assert [each.saga_id for each in await storage.list_snapshots()] == [
            "a",
            "d",
            "é",
            "c",
            "b",
        ]
        assert await ids(limit=2) == ["a", "d"]
        assert await ids(status="executing") == ["a", "é", "c"]

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
        assert await sequences(after=10) == []
        assert await sequences(after=5, until=4) == []
        assert await sequences(limit=0) == []

    async def test_latest_before_a_step(self, storage: SnapshotStorage) -> None:
        for step in ("a", "b", "c"):
            await storage.save_snapshot(snapshot(step=step))
        found = await storage.get_latest_snapshot("saga", before_step="b")
        assert found is not None
        assert found.step_name == "b"
        assert await storage.get_latest_snapshot("saga", before_step="nowhere") is None
        assert await storage.get_latest_snapshot("nobody") is None
