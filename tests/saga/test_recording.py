"""What is recorded of a run, and in what order."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.config import SagaConfig
from sagaz_core.errors import InvalidSagaIdError
from sagaz_core.model import StepRecord
from sagaz_core.saga.registry import code_of
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage
from sagaz_core.storage.backends.sqlite.backend import SQLiteSnapshotStorage
from sagaz_core.storage.meta import unpack_run
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.recorded import kinds, order, timeline
from tests.saga.sagas import Built, Ledger


@pytest.fixture
def storage() -> SnapshotStorage:
    return InMemorySnapshotStorage()


async def test_a_checkpoint_is_durable_before_its_action_starts(storage: SnapshotStorage) -> None:
    seen: list[list[tuple[str, str | None]]] = []

    async def look(ctx: Any) -> None:
        seen.append(kinds(await storage.list_checkpoints("s")))

    async def build(saga: Saga) -> None:
        await saga.add_step("a", look)
        await saga.add_step("b", look)

    await timeline(storage, build)

    assert seen == [
        [("before_step", "a")],
        [("before_step", "a"), ("before_step", "b")],
    ]


async def test_a_checkpoint_is_durable_before_its_compensation_starts(
    storage: SnapshotStorage,
) -> None:
    seen: list[tuple[str, str | None]] = []

    async def look(result: Any, ctx: Any) -> None:
        seen.append(kinds(await storage.list_checkpoints("s"))[-1])

    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does(""), look)
        await saga.add_step("b", Ledger().fails(""))

    await timeline(storage, build)

    assert seen == [("before_compensation", "a")]


async def test_checkpoints_tell_status_steps_and_errors(storage: SnapshotStorage) -> None:
    await timeline(storage, order, context={"n": 1})
    found = {
        (snapshot.kind, snapshot.step_name): snapshot
        async for snapshot in storage.iter_checkpoints("s")
    }

    ship = found["before_step", "ship"]
    assert (ship.status, ship.step_index, ship.error) == ("executing", 2, None)
    assert ship.completed_steps == ["reserve", "charge"]
    assert ship.results == {"reserve": {"id": "rsv_1"}, "charge": 99}
    assert ship.context == {"n": 1}

    failure = found["step_failed", "ship"]
    assert (failure.status, failure.attempts, failure.running_steps) == ("executing", 2, [])
    assert failure.error is not None
    assert failure.error.headline == "ValueError: no carrier"
    assert "raise error or RuntimeError" in failure.error.traceback
    assert "sagaz_core" not in failure.error.traceback

    undo = found["compensation_failed", "charge"]
    assert (undo.status, undo.compensation) == ("compensating", "failed")
    assert undo.error is not None
    assert undo.error.message == "undo charge broke"

    end = found["failed", "ship"]
    assert (end.status, end.compensation) == ("failed", "failed")
    assert end.compensated_steps == ["reserve"]
    assert end.completed_steps == ["reserve", "charge"]
    assert end.error is not None
    assert end.error.headline == "ValueError: no carrier"


async def test_a_step_that_ended_is_told_by_the_next_checkpoint(storage: SnapshotStorage) -> None:
    async def flaky(ctx: Any) -> int:
        ctx["sum"] = ctx["a"] + ctx["b"]
        ctx["list"].append(1)
        del ctx["old"]
        if ctx.attempt == 1:
            raise ConnectionError("once")
        return 3

    async def build(saga: Saga) -> None:
        await saga.add_step("flaky", flaky, max_retries=1, retry_backoff=0)
        await saga.add_step("after", Ledger().does(""))

    entries = await timeline(storage, build, context={"a": 1, "b": 2, "list": [], "old": 0})

    assert [len(entry.step_records) for entry in entries] == [0, 1, 1]
    record: StepRecord = entries[1].step_records[0]
    assert (record.name, record.outcome) == ("flaky", "completed")
    assert record.keys_read == ("a", "b", "list")
    assert set(record.keys_set) == {"sum", "list", "old"}
    first, second = record.attempts
    assert (first.number, second.number) == (1, 2)
    assert first.error is not None
    assert first.error.headline == "ConnectionError: once"
    assert second.error is None
    assert first.duration > 0
    assert first.started_at <= second.started_at


@pytest.mark.parametrize("undone", [False, True])
async def test_a_step_out_of_time_is_recorded_as_such(
    storage: SnapshotStorage, undone: bool
) -> None:
    async def hang(ctx: Any) -> None:
        if ctx.attempt == 2:
            raise RuntimeError("and then declined")
        await asyncio.Event().wait()

    async def build(saga: Saga) -> None:
        await saga.add_step(
            "hang",
            hang,
            Ledger().undoes(""),
            timeout=0.01,
            max_retries=1,
            retry_backoff=0,
            compensate_on_timeout=undone,
        )

    entries = await timeline(storage, build)

    record = entries[1].step_records[0]
    assert record.outcome == "timed_out"
    assert [a.error.type if a.error else None for a in record.attempts] == [
        "StepTimeoutError",
        "RuntimeError",
    ]
    assert ("before_compensation" in [entry.kind for entry in entries]) == undone


async def test_each_change_is_put_down_to_the_step_that_made_it(storage: SnapshotStorage) -> None:
    b_may_end, a_merged = asyncio.Event(), asyncio.Event()

    async def a(ctx: Any) -> str:
        ctx["both"] = "a"
        ctx["of_a"] = 1
        return "result"

    async def b(ctx: Any) -> None:
        await b_may_end.wait()
        ctx["both"] = "b"
        ctx["of_b"] = 1
        del ctx["old"]

    async def after_a(ctx: Any) -> None:
        b_may_end.set()
        await a_merged.wait()

    async def after_b(ctx: Any) -> None:
        a_merged.set()

    async def build(saga: Saga) -> None:
        await saga.add_step("b", b, depends_on=[])
        await saga.add_step("a", a, depends_on=[])
        await saga.add_step("after_a", after_a, depends_on=["a"])
        await saga.add_step("after_b", after_b, depends_on=["b"])

    entries = await timeline(storage, build, context={"old": 1})

    causes: dict[str, list[str | None]] = {}
    for touch in reversed(await storage.list_changes("s")):
        causes.setdefault(touch.key, []).append(touch.step_name)
    assert causes == {
        "old": [None, "b"],
        "both": ["a", "b"],
        "of_a": ["a"],
        "of_b": ["b"],
        "a": ["a"],
    }
    records = {record.name: record for entry in entries for record in entry.step_records}
    assert records["b"].conflicts == ("both",)
    assert records["a"].conflicts == ()


async def test_a_graph_records_after_each_step_too_and_what_runs(storage: SnapshotStorage) -> None:
    other_runs = asyncio.Event()

    async def a(ctx: Any) -> None:
        await other_runs.wait()

    async def b(ctx: Any) -> None:
        other_runs.set()
        await a_is_recorded.wait()

    async def c(ctx: Any) -> None:
        a_is_recorded.set()

    a_is_recorded = asyncio.Event()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", a, depends_on=[])
        await saga.add_step("b", b, depends_on=[])
        await saga.add_step("c", c, depends_on=["a"])

    entries = await timeline(storage, build)

    assert sorted(kinds(entries)) == sorted(
        [(kind, step) for kind in ("before_step", "after_step") for step in "abc"]
        + [("completed", None)]
    )
    after_a = next(
        entry for entry in entries if (entry.kind, entry.step_name) == ("after_step", "a")
    )
    assert after_a.running_steps == ("b",)
    assert [record.name for record in after_a.step_records] == ["a"]


async def test_the_run_is_described_once(storage: SnapshotStorage) -> None:
    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does(""), Ledger().undoes(""), idempotent=True)
        await saga.add_step("b", Ledger().does(""), depends_on=["a"])

    config = SagaConfig(app_version="1.2.3")
    await timeline(storage, build, config, tags={"team": "pay"})

    run = await storage.get_run("s")
    assert run.code == code_of(Built) == "tests.saga.sagas:Built"
    assert run.app_version == "1.2.3"
    assert run.pid == os.getpid()
    assert run.host
    a, b = run.steps
    assert (a.name, a.depends_on, a.idempotent, a.compensated) == ("a", None, True, True)
    assert (b.name, b.depends_on, b.idempotent, b.compensated) == ("b", ("a",), False, False)
    assert (a.compensation, b.compensation) == ("compensation", "")
    assert len(a.fingerprint) == 16
    entries = await storage.backend.entries("s", 1, 99)
    assert [unpack_run(entry.meta) is not None for entry in entries] == [True] + [False] * 4
    found = await storage.list_sagas(tags={"team": "pay"})
    assert [row.saga_id for row in found.sagas] == ["s"]


async def test_types_come_back_as_they_went_in(storage: SnapshotStorage) -> None:
    values = {"t": (1, (2,)), "s": {1}, "b": b"x", "n": None, "f": float("inf")}

    async def give(ctx: Any) -> Any:
        return {"tuple": (1, 2)}

    async def build(saga: Saga) -> None:
        await saga.add_step("give", give)

    await timeline(storage, build, context=values)
    end = await storage.get_checkpoint("s", 2)
    assert end.context == values
    assert type(end.context["t"][1]) is tuple
    assert end.results == {"give": {"tuple": (1, 2)}}


async def test_a_run_is_read_back_from_a_file_by_another_store(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        before = kinds(await timeline(storage, order, context={"n": 1}))
    async with SQLiteSnapshotStorage(tmp_path / "orders.db", read_only=True) as again:
        assert kinds(await again.list_checkpoints("s")) == before
        end = await again.get_latest_snapshot("s")
        assert end is not None
        assert end.state == {"n": 1, "reserve": {"id": "rsv_1"}, "charge": 99}


@pytest.mark.parametrize("saga_id", ["", "a" * 257, "a\nb", "a\0b"])
def test_an_unusable_saga_id_is_refused_at_once(saga_id: str) -> None:
    with pytest.raises(InvalidSagaIdError):
        Saga(saga_id=saga_id)


def test_an_odd_saga_id_is_an_ordinary_one() -> None:
    assert Saga(saga_id="../*%{}").saga_id == "../*%{}"
