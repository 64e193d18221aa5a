"""Where in a history an expression becomes true, and which sagas it is true of."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagaz_core.errors import ExpressionError, SagaNotFoundError
from sagaz_core.history import expression_values
from sagaz_core.history import search as searching
from sagaz_core.history.expression import Expression
from sagaz_core.history.search import SagaFilter, filter_sagas, search, search_on
from sagaz_core.model import NotStored, SagaSnapshot, StepError
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import minute, record

VALUES: dict[str, Any] = {
    "amount": Decimal("99.90"),
    "count": 5,
    "rate": 2.5,
    "name": "abc",
    "items": [1, 2, 3],
    "big": 2**70,
    "huge": 10**400,
    "pair": (1, 2),
    "set": {1, 2},
    "raw": b"xy",
    "nothing": None,
    "at": datetime(2024, 12, 15, 10, 30, tzinfo=UTC),
    "naive": datetime(2024, 12, 15, 10, 30),
    "day": date(2024, 1, 2),
    "span": timedelta(seconds=90.5),
    "forever": timedelta.max,
    "id": UUID(int=1),
    "deep": {"a": {"b": 1}},
    "lost": NotStored("/lost", "X", "no"),
    "nan": float("nan"),
    "many": list(range(1000)),
    "text": "a" * 100_000,
}


@pytest.fixture
async def one() -> AsyncIterator[SnapshotStorage]:
    """A store with one saga of one checkpoint, which holds a value of each type."""
    async with InMemorySnapshotStorage() as storage:
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id="s",
                saga_name="S",
                kind="step_failed",
                step_name="charge",
                context=VALUES,
                results={"reserve": {"id": "r1"}},
                completed_steps=["reserve"],
                error=StepError("PermissionError", "token expired\nmore"),
            )
        )
        yield storage


async def found_at(
    storage: SnapshotStorage, expression: str, saga_id: str = "order_1"
) -> list[int]:
    found = await search(storage, saga_id, expression)
    assert not found.doubts.count, found.doubts
    return [match.sequence for match in found.matches]


# ---------------------------------------------------------------- becoming true


async def test_a_match_is_where_it_becomes_true_not_where_it_stays_so(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": n} for n in (1, 5, 6, 2, 9, 9, 0, 7)])
    found = await search(any_storage, "order_1", "context.n > 4")
    assert [match.sequence for match in found.matches] == [2, 5, 8]
    assert found.first is not None
    assert (found.first.sequence, found.first.step_name, found.first.created_at) == (
        2,
        "step_2",
        minute(2),
    )
    assert (found.searched, found.unknown_keys) == (8, {})


async def test_it_may_be_true_from_the_first_checkpoint_or_never(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": 1}, {"n": 1}])
    assert await found_at(any_storage, "context.n == 1") == [1]
    found = await search(any_storage, "order_1", "context.n == 2")
    assert (found.first, found.matches) == (None, ())


async def test_a_long_history_is_searched_in_one_pass_a_few_checkpoints_at_a_time(
    any_storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(any_storage, [{"n": n % 50} for n in range(200)])
    most = 0
    evaluate = searching._evaluate

    async def counted(asked: Any, some: Any) -> Any:
        nonlocal most
        most = max(most, len(some))
        return await evaluate(asked, some)

    monkeypatch.setattr(searching, "_evaluate", counted)
    assert await found_at(any_storage, "ctx.n == 49") == [50, 100, 150, 200]
    assert most == searching.TOGETHER


async def test_a_deleted_checkpoint_is_passed_over(any_storage: SnapshotStorage) -> None:
    snapshots = await record(any_storage, [{"n": n} for n in (1, 5, 6)])
    await any_storage.delete_snapshot(snapshots[1].snapshot_id)
    assert await found_at(any_storage, "context.n > 4") == [3]


async def test_a_key_that_no_checkpoint_has_is_told_with_its_place(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": 1}, {"m": 1}])
    found = await search(any_storage, "order_1", "ctx.m == 2 || ctx['amuont'] > 5")
    assert (found.matches, found.unknown_keys) == ((), {"amuont": "column 19"})


async def test_a_search_goes_on_from_a_checkpoint_and_may_be_left_at_any_time(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": n % 10} for n in range(searching.TOGETHER * 3)])
    asked = Expression("ctx.n == 3")
    found: list[int] = []
    async for looked in search_on(any_storage, "order_1", asked, after=4, last=40):
        found += [match.sequence for match in looked.matches]
        assert looked.sequence <= 40
    # It is true at the fourth already, so that is no place where it becomes so.
    assert found == [14, 24, 34]
    read = search_on(any_storage, "order_1", asked)
    first = await anext(read)
    await read.aclose()
    assert (first.sequence, first.count) == (searching.TOGETHER, searching.TOGETHER)
    assert [match.sequence for match in first.matches] == [4, 14]


async def test_a_saga_that_is_not_there_is_named(any_storage: SnapshotStorage) -> None:
    with pytest.raises(SagaNotFoundError, match="order_9"):
        await search(any_storage, "order_9", "true")


# ---------------------------------------------------------------- what it may ask


@pytest.mark.parametrize(
    "expression",
    [
        "step == 'charge' && kind == 'step_failed' && status == 'executing' && seq == 1",
        "error == 'PermissionError: token expired'",
        "'reserve' in completed && !('charge' in completed)",
        "context.reserve.id == 'r1' && ctx.reserve == {'id': 'r1'}",
        "context.amount > 50 && context.amount == 99.90 && 50 < context.amount",
        "context.count > 1.5 && context.count == 5.0 && 1.5 < context.count",
        "context.count + 0.5 == 5.5 && context.count / 2 == 2 && -context.count < 0",
        "context.big > 1000 && context.huge > context.big",
        "context.pair == [1, 2] && 2 in context.set && context.items[2] == 3",
        "context.raw == b'xy' && context.name + 'd' == 'abcd'",
        "context.at > timestamp('2024-12-15T10:29:59Z') && context.at == context.naive",
        "context.at - timestamp('2024-12-15T10:00:00Z') == duration('1800s')",
        "context.span > duration('90s') && context.day == '2024-01-02'",
        "context.forever != null && context.id.endsWith('0001')",
        "context.nothing == null && context.lost == null",
        "context.nan != context.nan",
        "context.deep.a.b == 1 && context['deep']['a'] == {'b': 1}",
        "has(context.deep.a) && !has(context.deep.z)",
        "context.missing == 1 || context.count == 5",
        "context.items.exists(x, x > 2) && context.items.all(x, x > 0)",
        "context.items.map(context, context * 2) == [2, 4, 6]",
        "context.items.filter(x, x > 1).size() == 2 && size(context) > 20",
        "context.name.matches('^a.c$') && context.name.contains('b')",
        "context.name != 5 && !(context.name == 5) && string(true) == 'true'",
        "context.count > 3 ? context.name == 'abc' : false",
    ],
)
async def test_it_is_true_of_each_type_of_value(one: SnapshotStorage, expression: str) -> None:
    assert await found_at(one, expression, "s") == [1]


@pytest.mark.parametrize(
    "expression",
    [
        "context.missing == 1",
        "!(context.missing == 1)",
        "context.missing.deeper == 1",
        "context.deep.x.y == 1",
        "context.nothing.x == 1",
        "context.count.x == 1",
        "context.items[5] == 1",
        "context.missing.exists(x, x > 1)",
    ],
)
async def test_what_is_not_there_makes_it_false(one: SnapshotStorage, expression: str) -> None:
    assert await found_at(one, expression, "s") == []


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("context.name > 5", "a text is neither more nor less than a number"),
        ("context.name * 5 == 'x'", "cannot calculate with a text and a number"),
        ("'%1000000000d' % 5 == ''", "cannot calculate with a text and a number"),
        ("context.count", "it gives a number, and not true or false"),
        ("context.count in context.name", "'in' looks into a list or a map, not into a text"),
        ("context.count / 0 == 1", "it divides by zero"),
        ("9223372036854775807 + context.count > 1", "a value is out of range"),
        ("string(context.items) == ''", "string() takes a single value, not a list"),
        ("duration(context.text) > duration('1s')", "so long a text is no time"),
        ("context.count.matches('5')", "matches() takes a text and a pattern, not a number"),
    ],
)
async def test_a_value_of_a_type_that_it_cannot_take_is_false_and_told(
    one: SnapshotStorage, expression: str, reason: str
) -> None:
    found = await search(one, "s", expression)
    assert found.matches == ()
    assert (found.doubts.count, found.doubts.first, found.doubts.reason) == (1, "#1", reason)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "the expression '' ends too early; write it as context.amount > 100"),
        ("1 +", "ends too early"),
        ("context.n = 3", "cannot be read at column 11, where it says '='"),
        ("a\n == == 2", "cannot be read at line 2, column 5, where it says '=='"),
        ("'abc", "cannot be read at column 1"),
        ("contxt.a == 1", "there is no name 'contxt', at column 1; did you mean context?"),
        ("seq == 1 ||\n  foo", "there is no name 'foo', at line 2, column 3; there are context"),
        (".foo == 1", "there is no name 'foo'"),
        ("context.l.exists(x, y > 1)", "there is no name 'y', at column 21"),
        ("sise(context) > 1", "there is no function 'sise', at column 1; did you mean size?"),
        ("context.n.foo()", "there is no method 'foo', at column 11"),
        ("context.l.reduce(r, i, 0, r + i) > 1", "there is no method 'reduce'"),
        ("google.protobuf.Int32Value{}", "there is no name 'google'"),
        ("context.l.map(x)", "map() at column 11 takes a name and what to ask of each item"),
        ("context.s.matches('x(')", "'x(' is no regular expression: missing ): x(, at column 19"),
        ("1 == 1" + " " * 2000, "at most 2000 characters; this one has 2006"),
        ("(" * 60 + "1" + ")" * 60, "nested too deeply"),
        ("(" * 900 + "1" + ")" * 900, "nested too deeply"),
    ],
)
async def test_what_is_no_expression_is_one_sentence_with_the_place(
    one: SnapshotStorage, capfd: pytest.CaptureFixture[str], expression: str, words: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        await search(one, "s", expression)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (
            "context.many.map(a, context.many.map(b, context.many.map(c, a * b * c))) == []",
            "takes too long at checkpoint #1 of saga 's'",
        ),
        (
            "[1]" + ".map(y, [y, y])" * 40 + " == [1]" + ".map(y, [y, y])" * 40,
            "takes too long",
        ),
        (
            "context.many.map(x, context.text + context.text) == []",
            "puts together too much at checkpoint #1 of saga 's'",
        ),
        ("[context.text]" + ".map(y, y + y)" * 60 + " == []", "puts together too much"),
    ],
)
async def test_what_would_run_for_ever_or_fill_the_memory_is_stopped(
    one: SnapshotStorage, expression: str, words: str
) -> None:
    with pytest.raises(ExpressionError, match=words):
        await asyncio.wait_for(search(one, "s", expression), timeout=30)


async def test_the_deepest_value_that_a_store_takes_can_be_looked_at(one: SnapshotStorage) -> None:
    deep: Any = 1
    for _ in range(195):
        deep = [deep]
    await record(one, [{"deep": deep}])
    assert await found_at(one, "context.deep[0][0] != [] && context.deep == context.deep") == [1]


async def test_patterns_take_time_by_the_length_of_the_text_only(one: SnapshotStorage) -> None:
    began = time.thread_time()
    assert await found_at(one, "context.text.matches('(a*)*b')", "s") == []
    assert await found_at(one, "context.text.matches('^(a|a)*$')", "s") == [1]
    assert time.thread_time() - began < 1


async def test_the_event_loop_goes_on_while_an_expression_is_evaluated(
    one: SnapshotStorage,
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    with pytest.raises(ExpressionError):
        await search(one, "s", "context.many.all(x, context.many.all(y, x == y || true))")
    ticking.cancel()
    assert ticks > 100


async def test_evaluation_ends_when_nobody_waits_for_it_any_more(
    one: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expression_values, "SECONDS_EACH", 60)
    monkeypatch.setattr(expression_values, "SECONDS_AT_FIRST", 60)
    began, loop = asyncio.Event(), asyncio.get_running_loop()
    spend = expression_values.Budget.spend

    def told(budget: expression_values.Budget) -> None:
        loop.call_soon_threadsafe(began.set)
        spend(budget)

    monkeypatch.setattr(expression_values.Budget, "spend", told)
    long = "context.many.all(x, context.many.all(y, x == y || true))"
    searched = asyncio.create_task(search(one, "s", long))
    await began.wait()
    searched.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searched
    cancelled = time.monotonic()
    await loop.shutdown_default_executor()
    assert time.monotonic() - cancelled < 20


async def test_many_evaluations_that_each_take_long_are_stopped_too(
    one: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expression_values, "SECONDS_AT_FIRST", 0.2)
    monkeypatch.setattr(expression_values, "SECONDS_MORE", 0.0)
    await record(one, [{"many": list(range(20)), "n": n} for n in range(300)])
    with pytest.raises(ExpressionError, match="takes too long at checkpoint #"):
        await search(one, "order_1", "ctx.many.all(x, ctx.many.all(y, x == y || true))")


def test_looking_back_otherwise_loads_no_expression_language(tmp_path: Path) -> None:
    code = (
        "import sys, sagaz_core.history.search, sagaz_tui.cli.program, sagaz_tui.cli.search\n"
        "sys.exit(int(any(name.split('.')[0] in ('celpy', 'lark', 're2') for name in sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


# ---------------------------------------------------------------- of many sagas


async def test_sagas_are_filtered_by_their_latest_checkpoint(any_storage: SnapshotStorage) -> None:
    for number in range(40):
        await record(any_storage, [{"n": 99}, {"n": number}], f"order_{number:02}")
    examined = SagaFilter()
    found = [
        saga.saga_id
        async for saga in filter_sagas(
            any_storage, "context.n % 10 == 3", examined, prefix="order_"
        )
    ]
    assert sorted(found) == ["order_03", "order_13", "order_23", "order_33"]
    assert examined.examined == 40
    found = [
        saga.saga_id async for saga in filter_sagas(any_storage, "ctx.n < 15", prefix="order_1")
    ]
    assert sorted(found) == [f"order_{number}" for number in range(10, 15)]


async def test_no_more_sagas_are_read_than_are_asked_for(any_storage: SnapshotStorage) -> None:
    for number in range(40):
        await record(any_storage, [{"n": number}], f"order_{number:02}")
    examined = SagaFilter()
    matching = filter_sagas(any_storage, "true", examined)
    await anext(matching)
    await matching.aclose()
    assert examined.examined <= searching.TOGETHER


async def test_a_saga_without_an_answer_is_left_out_and_told(any_storage: SnapshotStorage) -> None:
    await record(any_storage, [{"n": "text"}], "order_1")
    await record(any_storage, [{"n": 5}], "order_2")
    examined = SagaFilter()
    found = [saga.saga_id async for saga in filter_sagas(any_storage, "ctx.n > 4", examined)]
    assert found == ["order_2"]
    assert (examined.doubts.count, examined.doubts.first) == (1, "saga 'order_1'")
