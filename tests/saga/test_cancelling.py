"""Cancelling a run: what was done is undone, each step once, and then the cancellation goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Built, Gate, GatedBackend, Ledger


async def test_cancelling_cancels_the_running_action_and_undoes_the_others() -> None:
    ledger, gate = Ledger(), Gate()

    async def hang(ctx: Any) -> None:
        try:
            await gate.pass_through()
        finally:
            ledger.append("hang cancelled")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))
        await saga.add_step("hang", hang, ledger.undoes("hang"), max_retries=3)
        await saga.add_step("never", ledger.does("never"))

    running = asyncio.create_task(Built(build).execute())
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "b", "hang cancelled", "-b", "-a"]


async def test_cancelling_during_a_compensation_lets_it_end_and_leaves_one_of_each() -> None:
    ledger, gate = Ledger(), Gate()

    async def undo_slowly(result: Any, ctx: Any) -> None:
        await gate.pass_through()
        ledger.append("-b")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), undo_slowly)
        await saga.add_step("c", ledger.fails("c"))

    running = asyncio.create_task(Built(build).execute())
    await gate.reached.wait()
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0)
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "b", "c!", "-b", "-a"]


async def test_cancelling_again_while_undoing_a_cancelled_run_changes_nothing() -> None:
    ledger, hanging, undoing = Ledger(), Gate(), Gate()

    async def hang(ctx: Any) -> None:
        await hanging.pass_through()

    async def undo_slowly(result: Any, ctx: Any) -> None:
        await undoing.pass_through()
        ledger.append("-a")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), undo_slowly)
        await saga.add_step("hang", hang)

    running = asyncio.create_task(Built(build).execute())
    await hanging.reached.wait()
    running.cancel()
    await undoing.reached.wait()
    running.cancel()
    undoing.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "-a"]


async def test_the_record_of_a_cancelled_run_ends_with_failed() -> None:
    gate = Gate()
    storage = InMemorySnapshotStorage()

    async def hang(ctx: Any) -> None:
        await gate.pass_through()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"), Ledger().undoes("a"))
        await saga.add_step("hang", hang)

    saga = Built(build, saga_id="s", snapshot_storage=storage)
    running = asyncio.create_task(saga.execute())
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    timeline = await storage.list_checkpoints("s")
    assert [(entry.kind, entry.step_name) for entry in timeline] == [
        ("before_step", "a"),
        ("before_step", "hang"),
        ("step_failed", "hang"),
        ("before_compensation", "a"),
        ("after_compensation", "a"),
        ("failed", "hang"),
    ]
    assert timeline[2].step_records[0].outcome == "cancelled"
    family = await storage.get_family("s")
    assert family is not None
    assert not family.held


async def test_an_action_that_ends_well_in_spite_of_being_cancelled_is_undone_too() -> None:
    ledger, gate = Ledger(), Gate()

    async def stubborn(ctx: Any) -> None:
        try:
            await gate.pass_through()
        except asyncio.CancelledError:
            ledger.append("stubborn")

    async def build(saga: Saga) -> None:
        await saga.add_step("stubborn", stubborn, ledger.undoes("stubborn"))
        await saga.add_step("never", ledger.does("never"))

    running = asyncio.create_task(Built(build).execute())
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["stubborn", "-stubborn"]


async def test_cancelling_a_graph_cancels_all_that_runs_and_undoes_the_rest() -> None:
    ledger = Ledger()
    both = asyncio.Barrier(3)

    async def hang(ctx: Any) -> None:
        try:
            await both.wait()
            await asyncio.Event().wait()
        finally:
            ledger.append(f"{ctx.step} cancelled")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"), depends_on=[])
        await saga.add_step("x", hang, ledger.undoes("x"), depends_on=["a"])
        await saga.add_step("y", hang, ledger.undoes("y"), depends_on=["a"])
        await saga.add_step("never", ledger.does("never"), depends_on=["x"])

    running = asyncio.create_task(Built(build).execute())
    await both.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert sorted(ledger[1:3]) == ["x cancelled", "y cancelled"]
    assert ledger[3:] == ["-a"]


async def test_nothing_more_starts_in_a_cancelled_graph() -> None:
    ledger, gate = Ledger(), Gate()

    async def stubborn(ctx: Any) -> None:
        try:
            await gate.pass_through()
        except asyncio.CancelledError:
            ledger.append("stubborn")

    async def build(saga: Saga) -> None:
        await saga.add_step("stubborn", stubborn, ledger.undoes("stubborn"), depends_on=[])
        await saga.add_step("never", ledger.does("never"), depends_on=["stubborn"])

    running = asyncio.create_task(Built(build).execute())
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["stubborn", "-stubborn"]


async def test_cancelling_while_waiting_for_the_next_try_undoes_at_once() -> None:
    ledger, failed = Ledger(), asyncio.Event()

    async def fail(ctx: Any) -> None:
        failed.set()
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", fail, max_retries=1, retry_backoff=3_600)

    storage = InMemorySnapshotStorage()
    running = asyncio.create_task(Built(build, saga_id="s", snapshot_storage=storage).execute())
    await failed.wait()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, timeout=10)

    assert ledger == ["a", "-a"]
    failure = (await storage.list_checkpoints("s"))[2]
    assert (failure.kind, failure.step_name) == ("step_failed", "b")
    assert failure.step_records[0].outcome == "failed"


async def test_a_timeout_around_the_run_undoes_it_first() -> None:
    ledger = Ledger()

    async def hang(ctx: Any) -> None:
        await asyncio.Event().wait()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("hang", hang)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await Built(build).execute()

    assert ledger == ["a", "-a"]


@pytest.mark.parametrize("gated", [1, 2, 3])
async def test_cancelling_while_a_failure_is_written_loses_no_checkpoint(gated: int) -> None:
    ledger, backend = Ledger(), GatedBackend(gated)
    storage = SnapshotStorage(backend)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.fails("b"))

    config = SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy="on_failure")
    )
    saga = Built(build, saga_id="s", config=config, snapshot_storage=storage)
    running = asyncio.create_task(saga.execute())
    await backend.gate.reached.wait()
    running.cancel()
    await asyncio.sleep(0)
    backend.gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "b!", "-a"]
    entries = await storage.list_checkpoints("s")
    assert [(entry.kind, entry.gap) for entry in entries] == [
        ("before_step", 0),
        ("before_step", 0),
        ("step_failed", 0),
        ("before_compensation", 0),
        ("after_compensation", 0),
        ("failed", 0),
    ]
    assert [record.name for entry in entries for record in entry.step_records] == ["a", "b"]


async def test_cancelling_while_a_step_is_announced_starts_it_not() -> None:
    ledger, backend = Ledger(), GatedBackend(2)
    storage = SnapshotStorage(backend)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))

    running = asyncio.create_task(Built(build, saga_id="s", snapshot_storage=storage).execute())
    await backend.gate.reached.wait()
    running.cancel()
    await asyncio.sleep(0)
    backend.gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "-a"]
    kinds = [entry.kind for entry in await storage.list_checkpoints("s")]
    assert kinds == [
        "before_step",
        "before_step",
        "before_compensation",
        "after_compensation",
        "failed",
    ]


async def test_cancelling_while_the_end_is_written_leaves_a_completed_saga() -> None:
    ledger, backend = Ledger(), GatedBackend(2)
    storage = SnapshotStorage(backend)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))

    running = asyncio.create_task(Built(build, saga_id="s", snapshot_storage=storage).execute())
    await backend.gate.reached.wait()
    running.cancel()
    await asyncio.sleep(0)
    backend.gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a"]
    row = await storage.get_saga("s")
    assert row is not None
    assert row.status == "completed"


async def test_a_branch_that_somebody_else_cancels_leaves_no_completed_saga() -> None:
    ledger = Ledger()

    async def cancel_others(ctx: Any) -> None:
        ledger.append("a")
        others = asyncio.all_tasks() - {asyncio.current_task(), running, test}
        assert len(others) == 1
        others.pop().cancel()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", cancel_others, ledger.undoes("a"), depends_on=[])
        await saga.add_step("b", ledger.does("b"), depends_on=[])

    test = asyncio.current_task()
    running = asyncio.create_task(Built(build).execute())
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ledger == ["a", "-a"]


def test_a_loop_that_ends_undoes_what_still_runs() -> None:
    ledger, hangs = Ledger(), asyncio.Event()

    async def hang(ctx: Any) -> None:
        hangs.set()
        await asyncio.Event().wait()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"), depends_on=[])
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"), depends_on=["a"])
        await saga.add_step("hang", hang, depends_on=["b"])

    async def main() -> None:
        running = asyncio.create_task(Built(build).execute())
        await hangs.wait()
        assert not running.done()

    asyncio.run(main())

    assert ledger == ["a", "b", "-b", "-a"]
