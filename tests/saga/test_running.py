"""How a saga runs: order, results, and the way back."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from typing import Any

import pytest

from sagaz_core.saga.saga import Saga
from tests.saga.sagas import Built, Ledger


async def test_steps_run_in_the_order_added() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        for name in "cab":
            await saga.add_step(name, ledger.does(name))

    result = await Built(build).execute()

    assert ledger == ["c", "a", "b"]
    assert result.status == "completed"
    assert result.completed_steps == ["c", "a", "b"]
    assert result.error is None
    assert result.compensation == "none"


async def test_a_saga_keeps_its_id_or_gets_one_of_its_own() -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does("a"))

    assert (await Built(build, saga_id="order_1").execute()).saga_id == "order_1"
    first, second = await Built(build).execute(), await Built(build).execute()
    assert first.saga_id != second.saga_id


async def test_a_result_is_read_under_its_steps_name_and_none_is_no_result() -> None:
    seen: dict[str, Any] = {}

    async def look(ctx: Any) -> None:
        seen.update(ctx)

    async def build(saga: Saga) -> None:
        await saga.add_step("reserve", Ledger().does("", {"id": "rsv_1"}))
        await saga.add_step("nothing", Ledger().does("", None))
        await saga.add_step("look", look)

    result = await Built(build, {"order": 1}).execute()

    assert seen == {"order": 1, "reserve": {"id": "rsv_1"}}
    assert result.results == {"reserve": {"id": "rsv_1"}}
    assert result.context == {"order": 1}


async def test_a_result_is_what_it_was_when_it_was_returned() -> None:
    mine: list[int] = [1]

    async def give(ctx: Any) -> list[int]:
        return mine

    async def change(ctx: Any) -> None:
        mine.append(2)
        ctx["give"].append(3)

    async def build(saga: Saga) -> None:
        await saga.add_step("give", give)
        await saga.add_step("change", change)

    assert (await Built(build).execute()).results == {"give": [1]}


async def test_actions_may_be_functions_of_any_kind() -> None:
    class Callable:
        async def __call__(self, ctx: Any) -> str:
            return "object"

    async def with_more(prefix: str, ctx: Any) -> str:
        return f"{prefix} partial"

    async def coroutine(ctx: Any) -> str:
        return "coroutine"

    async def build(saga: Saga) -> None:
        await saga.add_step("object", Callable())
        await saga.add_step("partial", functools.partial(with_more, "a"))
        await saga.add_step("lambda", lambda ctx: coroutine(ctx))
        await saga.add_step("plain", lambda ctx: "plain")

    assert (await Built(build).execute()).results == {
        "object": "object",
        "partial": "a partial",
        "lambda": "coroutine",
        "plain": "plain",
    }


async def test_a_plain_function_runs_in_a_thread_and_does_not_hold_up_the_loop() -> None:
    released, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    threads: list[int] = []

    def wait(ctx: Any) -> bool:
        threads.append(threading.get_ident())
        loop.call_soon_threadsafe(began.set)
        return released.wait(timeout=10)

    async def build(saga: Saga) -> None:
        await saga.add_step("wait", wait)

    running = asyncio.create_task(Built(build).execute())
    await began.wait()
    released.set()  # reached only if the loop still turns

    assert (await running).results == {"wait": True}
    assert threads[0] != threading.get_ident()


async def test_a_plain_function_that_raises_stop_iteration_fails_its_step() -> None:
    def stop(ctx: Any) -> None:
        raise StopIteration

    async def build(saga: Saga) -> None:
        await saga.add_step("stop", stop)

    result = await asyncio.wait_for(Built(build).execute(), timeout=10)

    assert result.status == "failed"
    assert "StopIteration" in str(result.error)


async def test_a_failing_step_undoes_the_completed_ones_in_reverse() -> None:
    ledger = Ledger()
    error = ValueError("declined")

    async def build(saga: Saga) -> None:
        await saga.add_step("reserve", ledger.does("reserve"), ledger.undoes("reserve"))
        await saga.add_step("note", ledger.does("note"))
        await saga.add_step("charge", ledger.does("charge"), ledger.undoes("charge"))
        await saga.add_step("ship", ledger.fails("ship", error), ledger.undoes("ship"))
        await saga.add_step("mail", ledger.does("mail"), ledger.undoes("mail"))

    result = await Built(build).execute()

    assert ledger == ["reserve", "note", "charge", "ship!", "-charge", "-reserve"]
    assert result.status == "failed"
    assert result.error is error
    assert result.failed_step == "ship"
    assert result.compensation == "completed"
    assert result.completed_steps == ["reserve", "note", "charge"]
    assert result.compensated_steps == ["charge", "reserve"]


async def test_a_failure_with_nothing_to_undo_has_no_compensation() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("note", ledger.does("note"))
        await saga.add_step("ship", ledger.fails("ship"))

    result = await Built(build).execute()

    assert (result.status, result.compensation) == ("failed", "none")


async def test_a_failing_compensation_does_not_keep_the_others_from_being_done_once() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.fails("-b"))
        await saga.add_step("c", ledger.does("c"), ledger.undoes("c"))
        await saga.add_step("d", ledger.fails("d"))

    result = await Built(build).execute()

    assert ledger == ["a", "b", "c", "d!", "-c", "-b!", "-a"]
    assert result.compensation == "failed"
    assert result.compensated_steps == ["c", "a"]
    assert str(result.error) == "d broke"


async def test_a_compensation_that_raises_cancelled_error_by_itself_has_failed() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.fails("-b", asyncio.CancelledError()))
        await saga.add_step("c", ledger.fails("c"))

    result = await Built(build).execute()

    assert ledger == ["a", "b", "c!", "-b!", "-a"]
    assert result.compensation == "failed"


async def test_a_compensation_gets_the_recorded_result_and_the_context() -> None:
    got: list[Any] = []

    async def release(result: Any, ctx: Any) -> None:
        got.append((result, ctx["order"], ctx.step, ctx["reserve"]))
        result.append("changed")
        ctx["released"] = True

    def undo_nothing(result: Any, ctx: Any) -> None:
        got.append(result)

    async def build(saga: Saga) -> None:
        await saga.add_step("nothing", Ledger().does(""), undo_nothing)
        await saga.add_step("reserve", Ledger().does("", ["rsv_1"]), release)
        await saga.add_step("ship", Ledger().fails("ship"))

    result = await Built(build, {"order": 7}).execute()

    assert got == [(["rsv_1", "changed"], 7, "reserve", ["rsv_1"]), None]
    assert result.results == {"reserve": ["rsv_1"]}
    assert result.context == {"order": 7, "released": True}


async def test_a_failed_compensations_changes_are_discarded() -> None:
    async def release(result: Any, ctx: Any) -> None:
        ctx["released"] = True
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("reserve", Ledger().does(""), release)
        await saga.add_step("ship", Ledger().fails("ship"))

    assert (await Built(build).execute()).context == {}


async def test_an_action_that_raises_cancelled_error_by_itself_has_failed() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.fails("b", asyncio.CancelledError("from a library")))

    result = await Built(build).execute()

    assert ledger == ["a", "b!", "-a"]
    assert isinstance(result.error, asyncio.CancelledError)
    assert result.failed_step == "b"


async def test_two_sagas_at_once_share_nothing() -> None:
    async def add(ctx: Any) -> None:
        mine = ctx["items"]
        await asyncio.sleep(0)
        mine.append(ctx["name"])

    async def build(saga: Saga) -> None:
        await saga.add_step("one", add)
        await saga.add_step("two", add)

    shared: list[str] = []
    first, second = await asyncio.gather(
        Built(build, {"name": "x", "items": shared}).execute(),
        Built(build, {"name": "y", "items": shared}).execute(),
    )

    assert first.context["items"] == ["x", "x"]
    assert second.context["items"] == ["y", "y"]
    assert shared == []


async def test_many_steps_take_time_in_proportion() -> None:
    async def seconds_for(steps: int) -> float:
        async def build(saga: Saga) -> None:
            for index in range(steps):
                await saga.add_step(f"s{index}", Ledger().does("", index))

        saga = Built(build)
        await saga.prepare()
        began = time.process_time()
        await saga.execute()
        return time.process_time() - began

    small = min([await seconds_for(500) for _ in range(3)])
    large = min([await seconds_for(4_000) for _ in range(3)])

    assert large < 8 * small * 3


@pytest.mark.parametrize("error", [RuntimeError("plain"), ExceptionGroup("some", [ValueError()])])
async def test_execute_never_raises_for_a_failing_step(error: Exception) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().fails("a", error))

    assert (await Built(build).execute()).error is error
