"""Sagas whose steps say what they depend on."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.saga.saga import Saga
from tests.saga.sagas import Built, Ledger


async def test_independent_steps_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(3)

    async def meet(ctx: Any) -> None:
        await asyncio.wait_for(barrier.wait(), timeout=10)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", meet)
        await saga.add_step("b", meet, depends_on=[])
        await saga.add_step("c", meet)
        await saga.add_step("d", Ledger().does("d"), depends_on=["a", "b", "c"])

    result = await Built(build).execute()

    assert result.status == "completed"
    assert result.completed_steps[-1] == "d"


async def test_a_step_starts_as_soon_as_what_it_depends_on_is_complete() -> None:
    ledger = Ledger()
    fast_done = asyncio.Event()

    async def slow(ctx: Any) -> None:
        await asyncio.wait_for(fast_done.wait(), timeout=10)
        ledger.append("slow")

    async def after_fast(ctx: Any) -> None:
        ledger.append("after_fast")
        fast_done.set()

    async def build(saga: Saga) -> None:
        await saga.add_step("slow", slow, depends_on=[])
        await saga.add_step("fast", ledger.does("fast"), depends_on=[])
        await saga.add_step("after_fast", after_fast, depends_on=["fast"])

    await Built(build).execute()

    assert ledger == ["fast", "after_fast", "slow"]


async def test_branches_that_change_one_nested_list_do_not_see_each_other() -> None:
    both_have_it = asyncio.Barrier(2)
    seen: dict[str, list[str]] = {}

    async def add(ctx: Any) -> None:
        ctx["cart"]["items"].append(ctx.step)
        await both_have_it.wait()
        seen[ctx.step] = list(ctx["cart"]["items"])

    async def build(saga: Saga) -> None:
        await saga.add_step("a", add, depends_on=[])
        await saga.add_step("b", add, depends_on=[])

    result = await Built(build, {"cart": {"items": []}}).execute()

    assert seen == {"a": ["a"], "b": ["b"]}
    assert result.context["cart"]["items"] in (["a"], ["b"])


async def test_a_branch_does_not_see_what_another_merges_meanwhile() -> None:
    b_runs, a_is_done, seen = asyncio.Event(), asyncio.Event(), []

    async def b(ctx: Any) -> None:
        b_runs.set()
        await a_is_done.wait()
        seen.append(("n" in ctx, "a" in ctx))

    async def after_a(ctx: Any) -> None:
        seen.append(("n" in ctx, "a" in ctx))
        a_is_done.set()

    async def a(ctx: Any) -> int:
        await b_runs.wait()
        ctx["n"] = 1
        return 1

    async def build(saga: Saga) -> None:
        await saga.add_step("a", a, depends_on=[])
        await saga.add_step("b", b, depends_on=[])
        await saga.add_step("after_a", after_a, depends_on=["a"])

    await Built(build).execute()

    assert seen == [(True, True), (False, False)]


async def test_on_a_failure_nothing_more_starts_and_what_runs_is_awaited_and_undone() -> None:
    ledger = Ledger()
    slow_runs, failed = asyncio.Event(), asyncio.Event()

    async def slow(ctx: Any) -> None:
        slow_runs.set()
        await failed.wait()
        await asyncio.sleep(0)
        ledger.append("slow")

    async def fail(ctx: Any) -> None:
        await slow_runs.wait()
        failed.set()
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("first", ledger.does("first"), ledger.undoes("first"), depends_on=[])
        await saga.add_step("slow", slow, ledger.undoes("slow"), depends_on=["first"])
        await saga.add_step("fail", fail, ledger.undoes("fail"), depends_on=["first"])
        await saga.add_step("never", ledger.does("never"), depends_on=["slow"])

    result = await Built(build).execute()

    assert ledger == ["first", "slow", "-slow", "-first"]
    assert result.failed_step == "fail"
    assert result.completed_steps == ["first", "slow"]


async def test_two_branches_that_fail_are_both_awaited_and_the_first_is_the_reason() -> None:
    both = asyncio.Barrier(2)
    ledger = Ledger()

    async def fail(ctx: Any) -> None:
        await both.wait()
        ledger.append(ctx.step)
        raise RuntimeError(ctx.step)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", fail, depends_on=[])
        await saga.add_step("b", fail, depends_on=[])

    result = await Built(build).execute()

    assert len(ledger) == 2
    assert result.failed_step == ledger[0]


async def test_a_branch_is_not_tried_again_once_another_has_failed() -> None:
    ledger = Ledger()
    waiting, failed = asyncio.Event(), asyncio.Event()

    async def flaky(ctx: Any) -> None:
        waiting.set()
        await failed.wait()
        ledger.append("flaky")
        raise RuntimeError

    async def fail(ctx: Any) -> None:
        await waiting.wait()
        failed.set()
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("flaky", flaky, max_retries=5, retry_backoff=0, depends_on=[])
        await saga.add_step("fail", fail, depends_on=[])

    await Built(build).execute()

    assert ledger == ["flaky"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[list[int]], set[int], list[int]]:
    """Draw for each step which earlier ones it depends on, which fail, how long each takes."""
    size = draw(st.integers(1, 9))
    needs = [
        sorted(draw(st.sets(st.integers(0, step - 1), max_size=3))) if step else []
        for step in range(size)
    ]
    failing = draw(st.sets(st.integers(0, size - 1), max_size=2))
    turns = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    return needs, failing, turns


@given(graph=graphs(), order=st.randoms(use_true_random=False))
def test_any_graph_respects_its_dependencies_and_is_undone_in_reverse(
    graph: tuple[list[list[int]], set[int], list[int]], order: Any
) -> None:
    needs, failing, turns = graph
    events: list[tuple[str, int]] = []

    def step_of(number: int) -> tuple[Any, Any]:
        async def action(ctx: Any) -> int:
            events.append(("start", number))
            for _ in range(turns[number]):
                await asyncio.sleep(0)
            if number in failing:
                events.append(("fail", number))
                raise RuntimeError
            events.append(("end", number))
            return number

        async def compensation(result: Any, ctx: Any) -> None:
            assert result == number
            events.append(("undo", number))

        return action, compensation

    async def build(saga: Saga) -> None:
        numbers = list(range(len(needs)))
        order.shuffle(numbers)
        for number in numbers:
            depends_on = [f"s{needed}" for needed in needs[number]]
            await saga.add_step(f"s{number}", *step_of(number), depends_on=depends_on)

    result = asyncio.run(Built(build).execute())

    ended = [number for what, number in events if what == "end"]
    undone = [number for what, number in events if what == "undo"]
    for place, (what, number) in enumerate(events):
        if what == "start":
            assert all(("end", needed) in events[:place] for needed in needs[number])
    assert result.completed_steps == [f"s{number}" for number in ended]
    if any(what == "fail" for what, _ in events):
        assert result.status == "failed"
        assert undone == ended[::-1]
        first_failure = next(i for i, (what, _) in enumerate(events) if what == "fail")
        assert [n for what, n in events[first_failure:] if what == "start"] == []
    else:
        assert sorted(ended) == list(range(len(needs)))
        assert undone == []
