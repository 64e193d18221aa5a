"""One run of a family acts at a time, and what it may no longer do is refused."""

from __future__ import annotations

import asyncio

import pytest

from sagaz_core.errors import LeaseLostError, PlanChangedError, ReplayInProgressError
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class LeaseContract(ContractBase):
    """One run of a family acts at a time, and what it may no longer do is refused."""

    async def test_a_stale_fence_is_refused(self, storage: SnapshotStorage) -> None:
        stale = await storage.acquire_lease("saga", owner="a", holder="saga", term=0.0)
        old = storage.writer(saga_id="saga", saga_name="S", fence=stale.fence, term=0.0)
        await old.append(capture(snapshot(step="a")))
        await stale.release()
        await storage.acquire_lease("saga", owner="b", holder="saga~r1")
        with pytest.raises(LeaseLostError):
            await old.append(capture(snapshot(step="b")))
        assert len(await storage.list_snapshots("saga")) == 1

    async def test_one_refusal_fails_none_of_its_group(self, storage: SnapshotStorage) -> None:
        fenced = storage.writer(saga_id="fenced", saga_name="S", fence=99)
        others = [storage.writer(saga_id=f"s{number}", saga_name="S") for number in range(20)]
        outcomes = await asyncio.gather(
            *(writer.append(capture(snapshot(writer.saga_id))) for writer in [*others, fenced]),
            return_exceptions=True,
        )
        assert outcomes[:-1] == [1] * 20
        assert isinstance(outcomes[-1], LeaseLostError)

    async def test_a_second_lease_is_refused_while_the_first_lives(
        self, storage: SnapshotStorage
    ) -> None:
        lease = await storage.acquire_lease("saga", owner="ada", holder="saga~r1")
        with pytest.raises(ReplayInProgressError, match="ada"):
            await storage.acquire_lease("saga", owner="bob", holder="saga~r2")
        await lease.release()
        again = await storage.acquire_lease("saga", owner="bob", holder="saga~r2")
        assert again.fence > lease.fence

    async def test_a_run_whose_lease_lapsed_is_interrupted(self, storage: SnapshotStorage) -> None:
        dead = storage.writer(
            saga_id="dead", saga_name="S", fence=1, claim=True, owner="x", term=0.0
        )
        await dead.append(capture(snapshot("dead")))
        alive = storage.writer(saga_id="alive", saga_name="S", fence=1, claim=True, owner="x")
        await alive.append(capture(snapshot("alive")))
        assert await storage.count_sagas("status") == {"interrupted": 1, "executing": 1}
        page = await storage.list_sagas(status="interrupted")
        assert [(saga.saga_id, saga.status) for saga in page.sagas] == [("dead", "interrupted")]

    async def test_an_interrupted_run_stays_so_when_another_takes_over(
        self, storage: SnapshotStorage
    ) -> None:
        dead = storage.writer(
            saga_id="dead", saga_name="S", fence=1, claim=True, owner="x", term=0.0
        )
        await dead.append(capture(snapshot("dead")))
        lease = await storage.acquire_lease("dead", owner="y", holder="dead~r1")
        for _ in range(2):
            saga = await storage.get_saga("dead")
            assert saga is not None
            assert saga.status == "interrupted"
            assert await storage.count_sagas("status") == {"interrupted": 1}
            assert len((await storage.list_sagas(status="interrupted")).sagas) == 1
            assert not (await storage.list_sagas(status="executing")).sagas
            await lease.release()

    async def test_a_lease_of_a_family_that_has_moved_on_is_refused(
        self, storage: SnapshotStorage
    ) -> None:
        lease = await storage.acquire_lease("saga", owner="a", holder="saga~r1", expect_fence=0)
        await lease.release()
        family = await storage.get_family("saga")
        assert family is not None
        assert (family.fence, family.held, family.owner) == (lease.fence, False, "a")
        with pytest.raises(PlanChangedError):
            await storage.acquire_lease("saga", owner="b", holder="saga~r2", expect_fence=0)
        again = await storage.acquire_lease(
            "saga", owner="b", holder="saga~r2", expect_fence=family.fence
        )
        assert again.fence > lease.fence

    async def test_removing_what_is_not_there_takes_no_lease_along(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot("saga"))
        await other.get_saga("saga")
        await storage.backend.delete(["saga"])
        lease = await storage.acquire_lease("saga", owner="me", holder="saga~r1")
        for each in (storage, other):
            assert await each.backend.delete(["saga", "saga~r1"]) == 0
        assert await lease.beat()

    async def test_of_many_who_want_a_lease_at_once_one_gets_it(
        self, storage: SnapshotStorage
    ) -> None:
        outcomes = await asyncio.gather(
            *(
                storage.acquire_lease("saga", owner="x", holder=f"saga~r{number}", expect_fence=0)
                for number in range(10)
            ),
            return_exceptions=True,
        )
        refused = [each for each in outcomes if isinstance(each, ReplayInProgressError)]
        assert len(refused) == 9

    async def test_a_lease_that_lapsed_can_be_taken_and_its_holder_hears_of_it(
        self, storage: SnapshotStorage
    ) -> None:
        old = await storage.acquire_lease("saga", owner="a", holder="saga~r1", term=0.0)
        assert await old.beat()
        new = await storage.acquire_lease("saga", owner="b", holder="saga~r2")
        assert not await old.beat()
        assert not await old.release()
        assert await new.beat()
        family = await storage.get_family("saga")
        assert family is not None
        assert (family.holder, family.held) == ("saga~r2", True)

    async def test_an_append_keeps_the_lease_and_the_last_one_gives_it_back(
        self, storage: SnapshotStorage
    ) -> None:
        writer = storage.writer(saga_id="saga", saga_name="S", claim=True, owner="me", term=60.0)
        await writer.append(capture(snapshot()))
        family = await storage.get_family("saga")
        assert family is not None
        assert family.held
        assert family.alive_until is not None
        assert family.alive_until - family.now > 30_000_000
        assert await writer.beat()
        with pytest.raises(ReplayInProgressError, match="me"):
            await storage.acquire_lease("saga", owner="you", holder="saga~r1")
        await writer.append(capture(snapshot(status="failed")), release=True)
        await storage.acquire_lease("saga", owner="you", holder="saga~r1")
        assert not await writer.beat()

    async def test_a_replay_that_completed_has_recovered_its_family(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot("a", kind="failed", status="failed"))
        for number, status in ((1, "failed"), (2, "completed")):
            replay_id = f"a~r{number}"
            lease = await storage.acquire_lease("a", owner="me", holder=replay_id)
            writer = storage.writer(
                saga_id=replay_id,
                saga_name="S",
                root_id="a",
                parent_id="a",
                parent_sequence=1,
                fence=lease.fence,
            )
            await writer.append(capture(snapshot(replay_id, status=status)), release=True)
        summary = await storage.get_saga("a")
        assert summary is not None
        assert summary.recovered_by == "a~r2"
        family = await storage.get_family("a")
        assert family is not None
        assert not family.held

    async def test_what_recovered_a_family_counts_until_it_is_undone(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot("a", kind="failed", status="failed"))
        first = await storage.acquire_lease("a", owner="me", holder="a~r1")
        await first.release(recovered_by="a~r1")
        lease = await storage.acquire_lease("a", owner="me", holder="a~r2")
        writer = storage.writer(
            saga_id="a~r2",
            saga_name="S",
            root_id="a",
            parent_id="a~r1",
            parent_sequence=1,
            fence=lease.fence,
        )
        told = [{"kind": "before_step"}, {"kind": "before_compensation", "status": "compensating"}]
        for each, undoes, by in zip(told, (False, True), ("a~r1", None), strict=True):
            await writer.append(capture(snapshot("a~r2", **each)), undoes=undoes)
            summary = await storage.get_saga("a")
            assert summary is not None
            assert summary.recovered_by == by
        await writer.append(capture(snapshot("a~r2", status="failed")), release=True)
        page = await storage.backend.sagas(SagaQuery(unsettled=True), cursor=None, limit=10)
        assert [row.saga_id for row in page.rows] == ["a"]

        for how, by in (({"recovered_by": "a~r3"}, "a~r3"), ({"undone": True}, None)):
            lease = await storage.acquire_lease("a", owner="me", holder="a~r3")
            assert await storage.backend.release("a", fence=lease.fence, **how)
            family = await storage.get_family("a")
            assert family is not None
            assert family.recovered_by == by

    async def test_a_run_that_ends_without_a_checkpoint_is_said_to_have_ended(
        self, storage: SnapshotStorage
    ) -> None:
        writer = storage.writer(saga_id="saga", saga_name="S", claim=True)
        await writer.append(capture(snapshot(context={"n": 1})))
        await writer.finish("failed", "completed")
        summary = await storage.get_saga("saga")
        assert summary is not None
        assert (summary.status, summary.compensation, summary.checkpoints) == (
            "failed",
            "completed",
            1,
        )
        family = await storage.get_family("saga")
        assert family is not None
        assert not family.held

    async def test_a_run_that_wrote_nothing_leaves_nothing_but_gives_its_lease_back(
        self, storage: SnapshotStorage
    ) -> None:
        fresh = storage.writer(saga_id="fresh", saga_name="S", claim=True)
        await fresh.finish("completed", "none")
        assert await storage.get_saga("fresh") is None
        assert await storage.get_family("fresh") is None
        lease = await storage.acquire_lease("saga", owner="me", holder="saga~r1")
        writer = storage.writer(saga_id="saga~r1", saga_name="S", root_id="saga", fence=lease.fence)
        await writer.finish("failed", "none")
        family = await storage.get_family("saga")
        assert family is not None
        assert not family.held
