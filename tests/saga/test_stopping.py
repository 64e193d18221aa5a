"""Stopping a run after its steps under way: they end, nothing else begins, all is undone."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaz_core.errors import RunStoppedError
from sagaz_core.saga.saga import Saga
from tests.saga.sagas import Built, Gate, Ledger


async def test_the_step_under_way_ends_and_is_undone_with_the_others() -> None:
    ledger, gate = Ledger(), Gate()

    async def slow(ctx: Any) -> None:
        await gate.pass_through()
        ledger.append("slow")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("slow", slow, ledger.undoes("slow"))
        await saga.add_step("never", ledger.does("never"))

    saga = Built(build)
    running = asyncio.create_task(saga.execute())
    await gate.reached.wait()
    assert saga.stop_after_step()
    assert not saga.stop_after_step()
    gate.opened.set()
    result = await running

    assert ledger == ["a", "slow", "-slow", "-a"]
    assert (result.status, result.compensation) == ("failed", "completed")
    assert isinstance(result.error, RunStoppedError)


async def test_branches_under_way_all_end() -> None:
    ledger, gate = Ledger(), Gate()

    async def slow(ctx: Any) -> None:
        await gate.pass_through()
        ledger.append("slow")

    async def build(saga: Saga) -> None:
        await saga.add_step("slow", slow, ledger.undoes("slow"), depends_on=[])
        await saga.add_step("quick", ledger.does("quick"), ledger.undoes("quick"), depends_on=[])
        await saga.add_step("last", ledger.does("last"), depends_on=["slow", "quick"])

    saga = Built(build)
    running = asyncio.create_task(saga.execute())
    await gate.reached.wait()
    assert saga.stop_after_step()
    gate.opened.set()
    assert (await running).status == "failed"
    assert sorted(ledger) == ["-quick", "-slow", "quick", "slow"]


async def test_a_step_that_fails_meanwhile_is_not_tried_again() -> None:
    ledger, gate = Ledger(), Gate()

    async def fails(ctx: Any) -> None:
        ledger.append("tried")
        await gate.pass_through()
        raise ConnectionError("no answer")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("fails", fails, max_retries=3)

    saga = Built(build)
    running = asyncio.create_task(saga.execute())
    await gate.reached.wait()
    saga.stop_after_step()
    gate.opened.set()
    assert isinstance((await running).error, RunStoppedError)
    assert ledger == ["a", "tried", "-a"]


async def test_a_saga_that_does_not_run_has_nothing_to_stop() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"))

    saga = Built(build)
    assert not saga.stop_after_step()
    assert (await saga.execute()).status == "completed"
    assert not saga.stop_after_step()
