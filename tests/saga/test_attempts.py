"""Tries of one step: retries, timeouts, and what a failed try leaves behind."""

from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import pytest

from sagaz_core.config import Backoff
from sagaz_core.errors import StepTimeoutError, UsageError
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.step import Step
from tests.saga.sagas import Built, Ledger

AT_ONCE = Backoff(initial=0)


async def test_a_failing_action_is_tried_again_as_often_as_it_says() -> None:
    seen: list[tuple[int, str]] = []

    async def third_time(ctx: Any) -> str:
        seen.append((ctx.attempt, ctx.idempotency_key))
        if ctx.attempt < 3:
            raise ConnectionError
        return "done"

    async def build(saga: Saga) -> None:
        await saga.add_step("send", third_time, max_retries=2, retry_backoff=AT_ONCE)

    result = await Built(build, saga_id="mail_1").execute()

    assert result.results == {"send": "done"}
    assert seen == [(1, "mail_1:send"), (2, "mail_1:send"), (3, "mail_1:send")]


async def test_after_the_last_try_the_step_has_failed() -> None:
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.fails("a"), max_retries=2, retry_backoff=0)

    result = await Built(build).execute()

    assert ledger == ["a!", "a!", "a!"]
    assert result.status == "failed"


async def test_each_try_starts_from_the_context_as_before_the_step() -> None:
    starts: list[dict[str, Any]] = []

    async def change_and_fail(ctx: Any) -> None:
        starts.append(copy.deepcopy(dict(ctx)))
        ctx["cart"].append("extra")
        ctx["new"] = 1
        del ctx["old"]
        if ctx.attempt == 1:
            raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("a", change_and_fail, max_retries=1, retry_backoff=0)

    result = await Built(build, {"cart": ["one"], "old": 1}).execute()

    assert starts[1] == {"cart": ["one"], "old": 1}
    assert result.context == {"cart": ["one", "extra"], "new": 1}


async def test_a_step_that_failed_for_good_changes_nothing() -> None:
    async def change_and_fail(ctx: Any) -> None:
        ctx["cart"].append("extra")
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("a", change_and_fail)

    assert (await Built(build, {"cart": []}).execute()).context == {"cart": []}


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(2, 0.75, 1.25), (3, 1.5, 2.5), (9, 3.75, 6.25)]
)
def test_waits_grow_up_to_a_maximum_and_are_moved_at_random(
    attempt: int, least: float, most: float
) -> None:
    backoff = Backoff(initial=1, multiplier=2, maximum=5, jitter=0.25)
    step = Step(name="a", action=print, retry_backoff=backoff)

    waits = [step.wait_before(attempt) for _ in range(200)]

    assert all(least <= wait <= most for wait in waits)
    assert len(set(waits)) > 100


def test_a_wait_after_thousands_of_tries_is_still_a_number() -> None:
    assert Step(name="a", action=print).wait_before(5_000) <= 30 * 1.25


async def test_an_action_out_of_time_is_cancelled_in_doubt_and_not_undone() -> None:
    ledger = Ledger()

    async def hang(ctx: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ledger.append("cancelled")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("hang", hang, ledger.undoes("hang"), timeout=0.01)

    result = await Built(build).execute()

    assert ledger == ["a", "cancelled", "-a"]
    assert isinstance(result.error, StepTimeoutError)
    assert isinstance(result.error, TimeoutError)
    assert "'hang'" in str(result.error)
    assert result.failed_step == "hang"


async def test_a_step_out_of_time_is_undone_without_result_if_it_says_so() -> None:
    undone: list[Any] = []

    async def hang(ctx: Any) -> None:
        await asyncio.Event().wait()

    async def undo(result: Any, ctx: Any) -> None:
        undone.append((ctx.step, result))

    async def build(saga: Saga) -> None:
        await saga.add_step("hang", hang, undo, timeout=0.01, compensate_on_timeout=True)

    result = await Built(build).execute()

    assert undone == [("hang", None)]
    assert result.compensation == "completed"
    assert result.completed_steps == []


async def test_what_a_thread_out_of_time_does_later_is_lost() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def slow(ctx: Any) -> str:
        go_on.wait(timeout=10)
        ctx["late"] = True
        ended.set()
        return "late"

    async def build(saga: Saga) -> None:
        await saga.add_step("slow", slow, timeout=0.01)

    result = await Built(build).execute()
    go_on.set()
    await asyncio.to_thread(ended.wait, 10)

    assert isinstance(result.error, StepTimeoutError)
    assert (result.context, result.results) == ({}, {})


async def test_each_try_has_the_whole_time() -> None:
    async def second_time(ctx: Any) -> str:
        if ctx.attempt == 1:
            await asyncio.Event().wait()
        return "done"

    async def build(saga: Saga) -> None:
        await saga.add_step("a", second_time, timeout=0.05, max_retries=1, retry_backoff=0)

    assert (await Built(build).execute()).results == {"a": "done"}


async def test_a_timeout_error_of_the_actions_own_is_an_ordinary_failure() -> None:
    ledger = Ledger()
    error = StepTimeoutError("of a saga within")

    async def build(saga: Saga) -> None:
        await saga.add_step(
            "a",
            ledger.fails("a", error),
            ledger.undoes("a"),
            timeout=10,
            compensate_on_timeout=True,
        )

    assert (await Built(build).execute()).error is error
    assert ledger == ["a!"]


async def test_writing_a_key_named_like_a_step_fails_the_step() -> None:
    async def write(ctx: Any) -> None:
        ctx["later"] = 1

    async def build(saga: Saga) -> None:
        await saga.add_step("write", write)
        await saga.add_step("later", Ledger().does("later"))

    result = await Built(build).execute()

    assert isinstance(result.error, UsageError)
    assert "'later'" in str(result.error)
