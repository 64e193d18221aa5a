"""What every backend must keep, as plain pytest classes.

A stranger's backend is proven like this::

    class TestMyBackend(StorageContract):
        def make_backend(self, place: Path) -> Backend:
            return MyBackend(place)

Two backends made for the same ``place`` must reach the same store.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagaz_core.errors import (
    DuplicateSnapshotError,
    HeadConflictError,
    LeaseLostError,
    ReadOnlyStoreError,
    ReplayInProgressError,
)
from sagaz_core.model import NotStored, ReplayLogEntry, SagaSnapshot, StepError
from sagaz_core.storage.backends.base import Backend, RecordRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage

T0 = datetime(2024, 12, 15, 10, 0, tzinfo=UTC)

EVERY_TYPE: dict[str, Any] = {
    "none": None,
    "truth": True,
    "int": 42,
    "big": -(10**40),
    "float": 0.1,
    "infinite": math.inf,
    "text": "naïve 🚚 \x1b[31m",
    "list": [1, [2, {"three": 3}]],
    "dict": {"nested": {"deep": []}, "": "empty key"},
    "tuple": (1, (2, "b"), [3]),
    "set": {1, "a"},
    "frozenset": frozenset({(1, 2)}),
    "bytes": b"\x00\xff",
    "naive": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "aware": datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "date": date(2024, 2, 29),
    "time": time(12, 30),
    "timedelta": timedelta(days=-1, microseconds=1),
    "decimal": Decimal("99.90"),
    "uuid": UUID(int=7),
}

STORED_FIELDS = (
    *("snapshot_id", "saga_name", "kind", "status", "step_name", "step_index", "label"),
    *("completed_steps", "running_steps", "compensated_steps", "error", "attempts", "gap"),
    *("created_at", "retention_until"),
)


def snapshot(saga_id: str = "saga", step: str = "a", **fields: Any) -> SagaSnapshot:
    """Return a checkpoint before a step, with whatever else is given."""
    return SagaSnapshot(
        **{
            "saga_id": saga_id,
            "saga_name": "Contract",
            "kind": "before_step",
            "step_name": step,
            **fields,
        }
    )


class StorageContract:
    """The promises of a store; every test is one."""

    def make_backend(self, place: Path) -> Backend:
        """Return a backend for the store at ``place``, not yet opened."""
        raise NotImplementedError("say how your backend is made")

    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
        """An empty store."""
        async with SnapshotStorage(self.make_backend(tmp_path / "store")) as storage:
            yield storage

    # -- what goes in comes out

    async def test_every_type_comes_back_as_it_went_in(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context=EVERY_TYPE, results={"a": (1, Decimal(2))}))
        found = await storage.get_latest_snapshot("saga")
        assert found is not None
        assert found.context == EVERY_TYPE
        assert {key: type(value) for key, value in found.context.items()} == {
            key: type(value) for key, value in EVERY_TYPE.items()
        }
        assert found.context["aware"].utcoffset() == timedelta(hours=5, minutes=30)
        assert str(found.context["decimal"]) == "99.90"
        assert found.results == {"a": (1, Decimal(2))}

    async def test_nan_comes_back_as_nan(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context={"x": math.nan}))
        found = await storage.get_checkpoint("saga", 1)
        assert math.isnan(found.context["x"])

    async def test_all_of_a_snapshot_comes_back(self, storage: SnapshotStorage) -> None:
        saved = snapshot(
            kind="step_failed",
            status="executing",
            step_index=3,
            completed_steps=["a", "b"],
            running_steps=["c"],
            compensated_steps=["b"],
            error=StepError("ValueError", "no", "Traceback …"),
            attempts=3,
            label="here",
            gap=2,
            created_at=T0,
            retention_until=T0 + timedelta(days=30),
        )
        await storage.save_snapshot(saved)
        found = await storage.get_snapshot(saved.snapshot_id)
        assert found is not None
        for name in STORED_FIELDS:
            assert getattr(found, name) == getattr(saved, name)
        assert found.sequence == 1

    async def test_what_cannot_be_stored_is_named_by_path_and_type(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(context={"cart": {"blob": object()}, "n": 1}))
        found = await storage.get_checkpoint("saga", 1)
        marker = found.context["cart"]["blob"]
        assert isinstance(marker, NotStored)
        assert (marker.path, marker.type_name) == ("/cart/blob", "object")
        assert found.context["n"] == 1

    async def test_later_changes_to_a_value_do_not_reach_the_store(
        self, storage: SnapshotStorage
    ) -> None:
        context = {"items": [{"sku": "a"}]}
        await storage.save_snapshot(snapshot(context=context))
        context["items"][0]["sku"] = "changed"
        assert (await storage.get_checkpoint("saga", 1)).context == {"items": [{"sku": "a"}]}

    async def test_a_returned_snapshot_is_a_copy(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context={"items": [1]}))
        first = await storage.get_checkpoint("saga", 1)
        first.context["items"].append(2)
        assert (await storage.get_checkpoint("saga", 1)).context == {"items": [1]}

    async def test_a_long_history_reads_back_at_every_point(self, storage: SnapshotStorage) -> None:
        document = {"fields": {str(n): "x" * 20 for n in range(100)}}
        history: list[dict[str, Any]] = []
        grown: list[str] = []
        for number in range(600):
            document["fields"][str(number % 100)] = f"value {number}"
            grown.append(f"item {number} of some length that is worth compressing")
            context = {"document": document, "grown": grown, f"key{number % 7}": number}
            history.append(
                {
                    "document": {"fields": dict(document["fields"])},
                    "grown": list(grown),
                    f"key{number % 7}": number,
                }
            )
            await storage.save_snapshot(snapshot(step=f"s{number}", context=context))
        for number in (0, 1, 2, 127, 128, 254, 255, 256, 257, 300, 511, 512, 598, 599):
            found = await storage.get_checkpoint("saga", number + 1)
            assert found.context == history[number], number
        sequence = 0
        async for found in storage.iter_checkpoints("saga"):
            assert found.context == history[sequence]
            sequence += 1
            assert found.sequence == sequence
        assert sequence == 600

    async def test_completed_steps_are_kept_however_they_change(
        self, storage: SnapshotStorage
    ) -> None:
        history = [["a"], ["a", "b"], ["b"], ["b", "c", "d"], []]
        for completed in history:
            await storage.save_snapshot(snapshot(completed_steps=completed))
        for sequence, completed in enumerate(history, start=1):
            found = await storage.get_checkpoint("saga", sequence)
            assert found.completed_steps == completed

    # -- order and time

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

    async def test_latest_before_a_step(self, storage: SnapshotStorage) -> None:
        for step in ("a", "b", "c"):
            await storage.save_snapshot(snapshot(step=step))
        found = await storage.get_latest_snapshot("saga", before_step="b")
        assert found is not None
        assert found.step_name == "b"
        assert await storage.get_latest_snapshot("saga", before_step="nowhere") is None
        assert await storage.get_latest_snapshot("nobody") is None

    # -- lists

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

    # -- hiding and expiry

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

    # -- several writers

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

    # -- looking only

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

    # -- documents

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
