"""A store that fails, refuses or is taken over, and values that cannot be recorded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from sagaz_core.config import ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.errors import (
    HeadConflictError,
    LeaseLostError,
    SnapshotCaptureError,
    StorageUnavailableError,
)
from sagaz_core.model import NotStored, SagaSnapshot, StepRecord
from sagaz_core.saga import recording
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage, MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Built, GatedBackend, Ledger


class FlakyBackend(MemoryBackend):
    """A store that can be switched off."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.beats = asyncio.Event()
        self.refusals = 0

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        if self.is_down:
            self.refusals += 1
            raise StorageUnavailableError("the store is down; try again")
        return await super().append(appends)

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        self.beats.set()
        if self.is_down:
            raise StorageUnavailableError("the store is down; try again")
        return await super().beat(root, fence=fence, term=term)


@pytest.fixture
def backend() -> FlakyBackend:
    return FlakyBackend()


@pytest.fixture
def storage(backend: FlakyBackend) -> SnapshotStorage:
    return SnapshotStorage(backend)


def config(
    on_capture_error: Any = "continue", strategy: SnapshotStrategy = "before_each_step", **more: Any
) -> SagaConfig:
    return SagaConfig(
        replay_config=ReplayConfig(
            enable_snapshots=True,
            snapshot_strategy=strategy,
            on_capture_error=on_capture_error,
            **more,
        )
    )


# ---------------------------------------------------------------- values


async def test_a_value_that_cannot_be_stored_is_marked_counted_once_and_logged(
    storage: SnapshotStorage, caplog: pytest.LogCaptureFixture
) -> None:
    async def build(saga: Saga) -> None:
        for name in "abc":
            await saga.add_step(name, Ledger().does(""))

    context = {"cart": {"lock": threading.Lock(), "n": 1}}
    with caplog.at_level(logging.WARNING, logger="sagaz"):
        result = await Built(build, context, saga_id="s", snapshot_storage=storage).execute()

    assert (result.status, result.capture_errors) == ("completed", 1)
    stored = await storage.get_checkpoint("s", 4)
    marker = stored.context["cart"]["lock"]
    assert isinstance(marker, NotStored)
    assert (marker.path, marker.type_name) == ("/cart/lock", "lock")
    assert stored.context["cart"]["n"] == 1
    assert ["/cart/lock" in record.message for record in caplog.records] == [True]


async def test_with_raise_a_value_that_cannot_be_stored_fails_the_saga(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()

    async def put_lock(ctx: Any) -> None:
        ledger.append("a")
        ctx["cart"] = {"lock": threading.Lock()}

    async def build(saga: Saga) -> None:
        await saga.add_step("a", put_lock, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))

    saga = Built(build, saga_id="s", config=config("raise"), snapshot_storage=storage)
    result = await saga.execute()

    assert ledger == ["a", "-a"]
    assert isinstance(result.error, SnapshotCaptureError)
    assert result.error.path == "/cart/lock"
    assert "/cart/lock" in str(result.error)
    assert (result.status, result.compensation) == ("failed", "completed")
    row = await storage.get_saga("s")
    assert row is not None
    assert (row.status, row.compensation) == ("failed", "completed")


async def test_with_raise_the_way_back_is_recorded_and_shows_the_gap(
    storage: SnapshotStorage,
) -> None:
    async def put_locks(ctx: Any) -> None:
        for key in "xyz":
            ctx[key] = threading.Lock()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", put_locks, lambda result, ctx: None)
        await saga.add_step("b", lambda ctx: None)

    saga = Built(build, saga_id="s", config=config("raise"), snapshot_storage=storage)
    result = await saga.execute()

    assert result.capture_errors == 3
    found = await storage.list_checkpoints("s")
    assert [(entry.kind, entry.gap, [r.name for r in entry.step_records]) for entry in found] == [
        ("before_step", 0, []),
        ("before_compensation", 1, ["a"]),
        ("after_compensation", 0, []),
        ("failed", 0, []),
    ]


async def test_cancelled_while_another_branch_is_recorded_a_step_is_told_of_by_the_next() -> None:
    backend = GatedBackend(3)
    storage = SnapshotStorage(backend)

    def sets(key: str) -> Any:
        async def act(ctx: Any) -> None:
            ctx[key] = 1

        return act

    async def build(saga: Saga) -> None:
        for name in "ab":
            await saga.add_step(name, sets(f"by_{name}"), lambda result, ctx: None, depends_on=[])

    running = asyncio.create_task(Built(build, saga_id="s", snapshot_storage=storage).execute())
    await backend.gate.reached.wait()
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.sleep(0.01)
    backend.gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    found = await storage.list_checkpoints("s")
    assert {r.name for entry in found for r in entry.step_records} == {"a", "b"}
    assert [entry.gap for entry in found if entry.kind == "before_compensation"] == [1, 0]
    assert {(t.key, t.step_name) for t in await storage.list_changes("s")} == {
        ("by_a", "a"),
        ("by_b", "b"),
    }


async def test_a_context_above_the_limit_is_not_storable(storage: SnapshotStorage) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does(""))

    small = config("raise", max_context_bytes=1_000)
    saga = Built(build, {"big": "x" * 2_000}, config=small, snapshot_storage=storage)
    result = await saga.execute()

    assert isinstance(result.error, SnapshotCaptureError)
    assert result.error.path == "/big"


# ---------------------------------------------------------------- a store that goes away


def going_away(backend: FlakyBackend, ledger: Ledger) -> Any:
    """Return a build of four steps, of which the second and third run without a store."""

    async def leave(ctx: Any) -> None:
        ledger.append("a")
        ctx["a_was"] = 1
        backend.is_down = True

    async def come_back(ctx: Any) -> None:
        ledger.append("c")
        backend.is_down = False

    async def build(saga: Saga) -> None:
        await saga.add_step("a", leave, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))
        await saga.add_step("c", come_back, ledger.undoes("c"))
        await saga.add_step("d", ledger.does("d"))

    return build


async def test_a_saga_goes_on_without_its_store_and_the_next_checkpoint_shows_the_gap(
    backend: FlakyBackend, storage: SnapshotStorage, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    build = going_away(backend, ledger)
    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a", "b", "c", "d"]
    assert (result.status, result.capture_errors) == ("completed", 2)
    entries = await storage.list_checkpoints("s")
    assert [(entry.kind, entry.step_name, entry.gap) for entry in entries] == [
        ("before_step", "a", 0),
        ("before_step", "d", 2),
        ("completed", None, 0),
    ]
    assert [record.name for record in entries[1].step_records] == ["a", "b", "c"]
    (touch,) = await storage.list_changes("s", key="a_was")
    assert touch.step_name == "a"
    assert "the store is down" in caplog.text


async def test_a_store_that_was_down_at_the_start_still_gets_the_runs_description(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    async def come_back(ctx: Any) -> None:
        backend.is_down = False

    async def build(saga: Saga) -> None:
        await saga.add_step("a", come_back)

    backend.is_down = True
    await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert [step.name for step in (await storage.get_run("s")).steps] == ["a"]


async def test_a_store_that_is_down_at_the_end_changes_nothing_for_the_saga(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    async def leave(ctx: Any) -> None:
        backend.is_down = True

    async def build(saga: Saga) -> None:
        await saga.add_step("a", leave)

    result = await Built(build, snapshot_storage=storage).execute()

    assert result.status == "completed"
    assert result.capture_errors == 2  # the checkpoint, and that the run has ended


async def test_with_raise_a_store_that_goes_away_stops_the_run_and_undoes_it(
    backend: FlakyBackend, storage: SnapshotStorage, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    build = going_away(backend, ledger)
    saga = Built(build, saga_id="s", config=config("raise"), snapshot_storage=storage)
    with caplog.at_level(logging.WARNING, logger="sagaz"):
        result = await saga.execute()

    assert ledger == ["a", "-a"]
    assert isinstance(result.error, SnapshotCaptureError)
    assert "the store is down" in str(result.error)
    assert result.compensation == "completed"
    assert "saga 's' has failed, which could not be recorded" in caplog.text
    assert "do not resume it" in caplog.text


async def test_on_failure_a_store_that_is_down_is_tried_once_and_does_not_hold_up_the_rollback(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    ledger = Ledger()

    async def undo(result: Any, ctx: Any) -> None:
        ledger.append("-a")
        assert backend.refusals == 2  # the backlog's first, and this compensation's own
        backend.is_down = False

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), undo)
        await saga.add_step("b", ledger.fails("b"))

    backend.is_down = True
    saga = Built(build, saga_id="s", config=config(strategy="on_failure"), snapshot_storage=storage)
    result = await saga.execute()

    assert ledger == ["a", "b!", "-a"]
    assert result.capture_errors == 4
    first, last = await storage.list_checkpoints("s")
    assert (first.kind, first.gap) == ("after_compensation", 4)
    assert (last.kind, last.gap) == ("failed", 0)
    assert [record.name for record in first.step_records] == ["a", "b"]


async def test_what_a_lost_checkpoint_would_have_told_comes_before_what_happened_meanwhile(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    recorder = SagaRecorder(storage, saga_id="s", saga_name="S")
    recorder.note_step(StepRecord("first", "completed"))
    backend.is_down = True
    losing = asyncio.create_task(recorder.checkpoint("before_step", {}, step_name="b"))
    await asyncio.sleep(0)
    recorder.note_step(StepRecord("second", "completed"))
    assert not await losing
    backend.is_down = False
    await recorder.checkpoint("completed", {})

    (entry,) = await storage.list_checkpoints("s")
    assert [record.name for record in entry.step_records] == ["first", "second"]


# ---------------------------------------------------------------- being refused


async def test_an_id_that_is_in_the_store_already_stops_the_run_before_its_first_action(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))

    await Built(build, saga_id="s", snapshot_storage=storage).execute()
    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a"]
    assert result.status == "failed"
    assert isinstance(result.error, HeadConflictError)
    assert len(await storage.list_checkpoints("s")) == 2


async def test_an_id_in_use_stops_the_run_also_where_the_store_was_down_at_its_start(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    ledger = Ledger()

    async def come_back(ctx: Any) -> None:
        ledger.append("a")
        backend.is_down = False

    async def build(saga: Saga) -> None:
        await saga.add_step("a", come_back, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"))

    await Built(build, saga_id="s", snapshot_storage=storage).execute()
    before = await storage.list_snapshots("s")
    ledger.clear()
    backend.is_down = True
    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert isinstance(result.error, HeadConflictError)
    assert ledger == ["a", "-a"]
    assert await storage.list_snapshots("s") == before


async def test_a_run_that_somebody_writes_into_stops_and_undoes_what_it_did(
    storage: SnapshotStorage,
) -> None:
    ledger = Ledger()

    async def intrude(ctx: Any) -> None:
        ledger.append("a")
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="Other"))

    async def build(saga: Saga) -> None:
        await saga.add_step("a", intrude, ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a", "-a"]
    assert isinstance(result.error, HeadConflictError)


async def take_over(backend: FlakyBackend, storage: SnapshotStorage) -> None:
    """Let the lease of ``s`` lapse and give it to another run."""
    family = await storage.get_family("s")
    assert family is not None
    await backend.beat("s", fence=family.fence, term=-1)
    await storage.acquire_lease("s", owner="other", holder="s~r1")


@pytest.mark.parametrize("fails_after", [False, True])
async def test_a_run_that_lost_its_lease_starts_nothing_more_and_undoes_nothing(
    backend: FlakyBackend, storage: SnapshotStorage, fails_after: bool
) -> None:
    ledger = Ledger()

    async def lose(ctx: Any) -> None:
        ledger.append("b")
        await take_over(backend, storage)
        if fails_after:
            raise RuntimeError("and broke")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", lose, ledger.undoes("b"))
        await saga.add_step("c", ledger.does("c"), ledger.undoes("c"))

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a", "b"]
    assert (result.status, result.compensation) == ("failed", "failed")
    assert isinstance(result.error, LeaseLostError)
    left = "a" if fails_after else "a, b"
    assert f"left these steps as they are: {left}" in str(result.error)
    assert [e.kind for e in await storage.list_checkpoints("s")] == ["before_step", "before_step"]


async def test_a_lease_lost_in_the_last_step_is_no_success(
    backend: FlakyBackend, storage: SnapshotStorage
) -> None:
    async def lose(ctx: Any) -> None:
        await take_over(backend, storage)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", lose)

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert result.status == "failed"
    assert isinstance(result.error, LeaseLostError)


# ---------------------------------------------------------------- the heartbeat


async def test_a_long_step_keeps_its_lease_by_beats(
    backend: FlakyBackend, storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)
    before: list[int | None] = []

    async def wait_for_a_beat(ctx: Any) -> None:
        family = await storage.get_family("s")
        assert family is not None
        before.append(family.alive_until)
        for _ in range(2):
            backend.beats.clear()
            await asyncio.wait_for(backend.beats.wait(), timeout=10)
        await asyncio.sleep(0)
        family = await storage.get_family("s")
        assert family is not None
        before.append(family.alive_until)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", wait_for_a_beat)

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert result.status == "completed"
    assert (before[0] or 0) < (before[1] or 0)
    family = await storage.get_family("s")
    assert family is not None
    assert not family.held
    backend.beats.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(backend.beats.wait(), timeout=0.05)


async def test_a_beat_that_finds_the_lease_lost_stops_the_run_before_its_next_try(
    backend: FlakyBackend, storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)
    ledger = Ledger()

    async def lose_and_fail(ctx: Any) -> None:
        ledger.append("try")
        await take_over(backend, storage)
        backend.beats.clear()
        await asyncio.wait_for(backend.beats.wait(), timeout=10)
        await asyncio.sleep(0.001)
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", lose_and_fail, max_retries=5, retry_backoff=0)

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a", "try"]
    assert isinstance(result.error, LeaseLostError)


async def test_a_beat_that_finds_the_lease_lost_in_the_last_step_makes_it_no_success(
    backend: FlakyBackend, storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)

    async def lose(ctx: Any) -> None:
        await take_over(backend, storage)
        backend.beats.clear()
        await asyncio.wait_for(backend.beats.wait(), timeout=10)
        await asyncio.sleep(0.001)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", lose)

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert result.status == "failed"
    assert isinstance(result.error, LeaseLostError)


async def test_a_beat_that_cannot_reach_the_store_stops_nothing(
    backend: FlakyBackend, storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)

    async def wait_for_beats(ctx: Any) -> None:
        backend.is_down = True
        for _ in range(2):
            backend.beats.clear()
            await asyncio.wait_for(backend.beats.wait(), timeout=10)
        backend.is_down = False

    async def build(saga: Saga) -> None:
        await saga.add_step("a", wait_for_beats)

    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert (result.status, result.capture_errors) == ("completed", 0)


async def test_a_beat_while_the_end_is_written_does_not_take_the_lease_for_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)

    class AnswersLate(MemoryBackend):
        async def append(self, appends: Sequence[Append]) -> list[Outcome]:
            outcomes = await super().append(appends)
            if any(append.release for append in appends):
                await asyncio.sleep(0.05)
            return outcomes

    async def build(saga: Saga) -> None:
        await saga.add_step("a", lambda ctx: None)

    storage = SnapshotStorage(AnswersLate())
    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert (result.status, result.error) == ("completed", None)


async def test_two_sagas_record_into_one_store_without_meeting() -> None:
    storage = InMemorySnapshotStorage()

    async def work(ctx: Any) -> str:
        await asyncio.sleep(0)
        ctx["seen"] = ctx.saga_id
        return str(ctx.saga_id)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", work)
        await saga.add_step("b", work)

    await asyncio.gather(
        *(Built(build, saga_id=f"s{n}", snapshot_storage=storage).execute() for n in range(10))
    )

    for n in range(10):
        last = await storage.get_latest_snapshot(f"s{n}")
        assert last is not None
        assert last.state == {"seen": f"s{n}", "a": f"s{n}", "b": f"s{n}"}
