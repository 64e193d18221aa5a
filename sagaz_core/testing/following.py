"""What one writes, another hears of, without asking over and over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import PATIENCE, ContractBase, snapshot


class FollowingContract(ContractBase):
    """What one writes, another hears of."""

    async def test_following_yields_what_is_written_and_ends_with_the_saga(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="a"))
        follower = _Follower(storage.follow("saga"))
        await follower.has_seen(1)
        await storage.save_snapshot(snapshot(step="b"))
        await storage.save_snapshot(snapshot(step="c", kind="completed", status="completed"))
        assert await follower.all_steps() == ["a", "b", "c"]

    async def test_what_another_instance_writes_is_followed(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="s0", context={"n": 0}))
        follower = _Follower(other.follow("saga"))
        for number in range(1, 5):
            await follower.has_seen(number)
            await storage.save_snapshot(snapshot(step=f"s{number}", context={"n": number}))
        await storage.save_snapshot(snapshot(step="end", kind="failed", status="failed"))
        assert await follower.all_steps() == ["s0", "s1", "s2", "s3", "s4", "end"]
        assert [each.context for each in follower.seen[:5]] == [{"n": n} for n in range(5)]

    async def test_a_saga_that_is_not_there_yet_is_waited_for(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        # Opened to look, as a screen would; once the store itself is there.
        await storage.save_snapshot(snapshot("another"))
        async with SnapshotStorage(self.make_backend(place), read_only=True) as looking:
            follower = _Follower(looking.follow("saga"))
            await looking.wait(None, 0)
            await storage.save_snapshot(snapshot(step="a"))
            await follower.has_seen(1)
            await storage.save_snapshot(snapshot(step="b", status="completed"))
            assert await follower.all_steps() == ["a", "b"]

    async def test_following_begins_after_a_number(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        for number in range(1, 6):
            await storage.save_snapshot(snapshot(step=f"s{number}", context={"n": number}))
        follower = _Follower(other.follow("saga", after=3))
        await follower.has_seen(2)
        await storage.save_snapshot(snapshot(step="s6", status="failed", context={"n": 6}))
        assert await follower.all_steps() == ["s4", "s5", "s6"]
        assert [each.context["n"] for each in follower.seen] == [4, 5, 6]

    async def test_a_burst_is_followed_whole_and_in_order(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="s0"))
        follower = _Follower(other.follow("saga"))
        await follower.has_seen(1)

        async def noise(saga_id: str) -> None:
            for _ in range(20):
                await storage.save_snapshot(snapshot(saga_id))

        async def burst() -> None:
            for number in range(1, 300):
                await storage.save_snapshot(snapshot(step=f"s{number}"))
            await storage.save_snapshot(snapshot(step="end", status="completed"))

        await asyncio.gather(burst(), noise("x"), noise("y"))
        assert await follower.all_steps() == [*(f"s{number}" for number in range(300)), "end"]

    async def test_many_follow_one_saga(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        followers = [_Follower(each.follow("saga")) for each in [storage, other] * 5]
        await storage.save_snapshot(snapshot(step="a"))
        await asyncio.gather(*(each.has_seen(1) for each in followers))
        await storage.save_snapshot(snapshot(step="b", status="completed"))
        for each in followers:
            assert await each.all_steps() == ["a", "b"]

    async def test_a_hidden_checkpoint_is_not_followed(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saved = [snapshot(step=f"s{number}", context={"n": number}) for number in range(4)]
        for each in saved:
            await storage.save_snapshot(each)
        await storage.delete_snapshot(saved[1].snapshot_id)
        follower = _Follower(other.follow("saga"))
        await follower.has_seen(3)
        await storage.save_snapshot(snapshot(step="end", status="completed"))
        assert await follower.all_steps() == ["s0", "s2", "s3", "end"]

    async def test_following_ends_when_the_saga_is_removed(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="a"))
        follower = _Follower(other.follow("saga"))
        await follower.has_seen(1)
        await storage.backend.delete(["saga"])
        assert await follower.all_steps() == ["a"]

    # -- waiting for any change

    async def test_waiting_ends_with_the_next_change_of_anything(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saved = snapshot()
        await storage.save_snapshot(saved)
        cursor = await other.wait(None, 0)

        async def told() -> None:
            nonlocal cursor
            async with asyncio.timeout(PATIENCE):
                after = await other.wait(cursor, 10 * PATIENCE)
            assert after != cursor
            # One write may be told of more than once, as it reaches one place after another.
            while after != cursor:
                cursor, after = after, await other.wait(after, 0)

        await storage.save_snapshot(snapshot())
        await told()
        await storage.delete_snapshot(saved.snapshot_id)
        await told()
        lease = await storage.acquire_lease("saga", owner="me", holder="saga~r1")
        await told()
        await lease.release()
        await told()
        await storage.backend.delete(["saga"])
        await told()

    async def test_a_change_between_two_waits_is_not_missed(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        for each in (storage, other):
            cursor = await each.wait(None, 0)
            await storage.save_snapshot(snapshot())
            async with asyncio.timeout(PATIENCE):
                assert await each.wait(cursor, 10 * PATIENCE) != cursor

    async def test_a_change_while_it_was_closed_is_not_missed(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot())
        cursor = await other.wait(None, 0)
        await other.close()
        await storage.save_snapshot(snapshot())
        async with asyncio.timeout(PATIENCE):
            assert await other.wait(cursor, 10 * PATIENCE) != cursor

    async def test_without_a_change_waiting_ends_in_time(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot())
        cursor = await other.wait(None, 0)
        async with asyncio.timeout(PATIENCE):
            assert await other.wait(cursor, 0.05) == cursor


class _Follower:
    """Follows in a task of its own, and tells what it has seen."""

    def __init__(self, checkpoints: AsyncIterator[SagaSnapshot]) -> None:
        self.seen: list[SagaSnapshot] = []
        self._more = asyncio.Condition()
        self._task = asyncio.ensure_future(self._follow(checkpoints))

    async def _follow(self, checkpoints: AsyncIterator[SagaSnapshot]) -> None:
        async for found in checkpoints:
            async with self._more:
                self.seen.append(found)
                self._more.notify_all()

    async def has_seen(self, count: int) -> None:
        """Wait until it has seen so many."""
        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: len(self.seen) >= count)

    async def all_steps(self) -> list[str | None]:
        """Wait until there is nothing more to follow, and return the steps that it saw."""
        async with asyncio.timeout(PATIENCE):
            await self._task
        return [found.step_name for found in self.seen]
