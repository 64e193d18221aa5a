"""What is recorded of a run, under each strategy."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.config import RECORDING_BY_DEFAULT, ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.errors import InvalidSagaIdError, UsageError
from sagaz_core.model import CheckpointSummary, StepRecord
from sagaz_core.saga.registry import code_of
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory import InMemorySnapshotStorage
from sagaz_core.storage.backends.sqlite import SQLiteSnapshotStorage
from sagaz_core.storage.meta import unpack_run
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Build, Built, Ledger


@pytest.fixture
def storage() -> SnapshotStorage:
    return InMemorySnapshotStorage()


def recorded(strategy: SnapshotStrategy, **more: Any) -> SagaConfig:
    """Return a configuration that records by ``strategy``."""
    return SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy, **more)
    )


async def order(saga: Saga) -> None:
    """Add an order's steps, the last of which fails."""
    ledger = Ledger()
    await saga.add_step("reserve", ledger.does("", {"id": "rsv_1"}), ledger.undoes("reserve"))
    await saga.add_step("charge", ledger.does("", 99), ledger.fails("undo charge"))
    await saga.add_step(
        "ship", ledger.fails("ship", ValueError("no carrier")), max_retries=1, retry_backoff=0
    )


async def errand(saga: Saga) -> None:
    """Add two steps that succeed."""
    await saga.add_step("go", Ledger().does(""))
    await saga.add_step("come", Ledger().does(""))


async def timeline(
    storage: SnapshotStorage, build: Build, config: SagaConfig | None = None, **more: Any
) -> list[CheckpointSummary]:
    """Run a saga called ``s`` and return its checkpoints."""
    await Built(build, saga_id="s", config=config, snapshot_storage=storage, **more).execute()
    return await storage.list_checkpoints("s")


def kinds(entries: list[CheckpointSummary]) -> list[tuple[str, str | None]]:
    return [(entry.kind, entry.step_name) for entry in entries]


ROLLBACK = [
    ("step_failed", "ship"),
    ("before_compensation", "charge"),
    ("compensation_failed", "charge"),
    ("before_compensation", "reserve"),
    ("after_compensation", "reserve"),
    ("failed", "ship"),
]


async def test_with_a_storage_and_no_configuration_every_step_is_recorded(
    storage: SnapshotStorage,
) -> None:
    entries = await timeline(storage, order)
    before = [("before_step", "reserve"), ("before_step", "charge"), ("before_step", "ship")]
    assert kinds(entries) == before + ROLLBACK
    row = await storage.get_saga("s")
    assert row is not None
    assert (row.status, row.compensation, row.step_name) == ("failed", "failed", "ship")
    assert row.saga_name == "Built"
    assert row.error == "ValueError: no carrier"
    days = RECORDING_BY_DEFAULT.retention_days
    assert row.expires_at is not None
    assert round((row.expires_at - row.updated_at).total_seconds()) == (days or 0) * 86_400


async def test_the_configuration_says_whether_anything_is_recorded(
    storage: SnapshotStorage,
) -> None:
    config = SagaConfig(replay_config=ReplayConfig(enable_snapshots=False))
    assert await timeline(storage, errand, config) == []
    assert await storage.get_saga("s") is None


async def test_after_each_step_records_after_in_place_of_before(storage: SnapshotStorage) -> None:
    entries = await timeline(storage, order, recorded("after_each_step"))
    assert kinds(entries) == [("after_step", "reserve"), ("after_step", "charge"), *ROLLBACK]


async def test_on_failure_writes_nothing_of_a_run_that_succeeds(storage: SnapshotStorage) -> None:
    assert await timeline(storage, errand, recorded("on_failure")) == []
    assert await storage.get_saga("s") is None


async def test_on_failure_writes_once_a_step_has_finally_failed_and_before_undoing_any(
    storage: SnapshotStorage,
) -> None:
    counts: dict[str, int] = {}

    async def count(where: str) -> None:
        counts[where] = len(await storage.list_checkpoints("s"))

    async def fail(ctx: Any) -> None:
        await count(f"attempt {ctx.attempt}")
        raise RuntimeError

    async def undo(result: Any, ctx: Any) -> None:
        await count("undo")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does(""), undo)
        await saga.add_step("b", fail, max_retries=1, retry_backoff=0)

    entries = await timeline(storage, build, recorded("on_failure"))

    assert counts == {"attempt 1": 0, "attempt 2": 0, "undo": 4}
    assert kinds(entries) == [
        ("before_step", "a"),
        ("before_step", "b"),
        ("step_failed", "b"),
        ("before_compensation", "a"),
        ("after_compensation", "a"),
        ("failed", "b"),
    ]
    times = [entry.created_at for entry in entries]
    assert times == sorted(times)


async def test_on_failure_keeps_each_context_as_it_was(storage: SnapshotStorage) -> None:
    async def grow(ctx: Any) -> None:
        ctx["items"].append(ctx.step)

    async def build(saga: Saga) -> None:
        await saga.add_step("a", grow)
        await saga.add_step("b", grow)
        await saga.add_step("c", Ledger().fails("c"))

    await timeline(storage, build, recorded("on_failure"), context={"items": []})

    states = [snapshot.context["items"] async for snapshot in storage.iter_checkpoints("s")]
    assert states == [[], ["a"], ["a", "b"], ["a", "b"], ["a", "b"]]
    touches = await storage.list_changes("s", key="items")
    assert [(touch.sequence, touch.step_name) for touch in touches] == [
        (3, "b"),
        (2, "a"),
        (1, None),
    ]


@pytest.mark.parametrize(("build", "end"), [(order, "failed"), (errand, "completed")])
async def test_on_completion_records_the_end_only(
    storage: SnapshotStorage, build: Build, end: str
) -> None:
    entries = await timeline(storage, build, recorded("on_completion"))
    assert [entry.kind for entry in entries] == [end]
    records = entries[0].step_records
    assert [record.name for record in records][:2] == (
        ["reserve", "charge"] if end == "failed" else ["go", "come"]
    )


async def test_manual_records_what_is_asked_for_and_the_row_tells_the_end(
    storage: SnapshotStorage,
) -> None:
    async def look(ctx: Any) -> None:
        assert await saga.checkpoint("half way")

    async def build(saga: Saga) -> None:
        await saga.add_step("a", look)
        await saga.add_step("b", Ledger().does(""))

    saga = Built(build, saga_id="s", config=recorded("manual"), snapshot_storage=storage)
    await saga.execute()

    (entry,) = await storage.list_checkpoints("s")
    assert (entry.kind, entry.label, entry.step_name) == ("manual", "half way", "a")
    assert entry.running_steps == ("a",)
    row = await storage.get_saga("s")
    assert row is not None
    assert row.status == "completed"
    family = await storage.get_family("s")
    assert family is not None
    assert not family.held


async def test_manual_writes_nothing_if_nothing_is_asked_for(storage: SnapshotStorage) -> None:
    assert await timeline(storage, order, recorded("manual")) == []


@pytest.mark.parametrize(
    "strategy", ["before_each_step", "after_each_step", "on_failure", "on_completion", "manual"]
)
async def test_checkpoint_works_under_every_strategy(
    storage: SnapshotStorage, strategy: SnapshotStrategy
) -> None:
    async def fail(ctx: Any) -> None:
        ctx["cart"].append("mine")
        del ctx["old"]
        assert await saga.checkpoint("now")
        raise RuntimeError

    async def build(saga: Saga) -> None:
        await saga.add_step("a", fail)

    saga = Built(
        build,
        {"cart": [], "old": 1},
        saga_id="s",
        config=recorded(strategy),
        snapshot_storage=storage,
    )
    result = await saga.execute()

    assert isinstance(result.error, RuntimeError)
    snapshots = [snapshot async for snapshot in storage.iter_checkpoints("s")]
    manual = next(snapshot for snapshot in snapshots if snapshot.kind == "manual")
    assert manual.label == "now"
    assert manual.context == {"cart": ["mine"]}
    for later in snapshots[manual.sequence :]:
        assert later.context == {"cart": [], "old": 1}
    touches = await storage.list_changes("s", key="cart")
    assert {touch.step_name for touch in touches if touch.sequence >= manual.sequence} == {"a"}


async def test_checkpoint_in_a_compensation_says_that_the_run_goes_back(
    storage: SnapshotStorage,
) -> None:
    async def undo(result: Any, ctx: Any) -> None:
        ctx["undone"] = True
        await saga.checkpoint()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", Ledger().does(""), undo)
        await saga.add_step("b", Ledger().fails(""))

    saga = Built(build, saga_id="s", snapshot_storage=storage)
    await saga.execute()

    found = [snapshot async for snapshot in storage.iter_checkpoints("s")]
    manual = next(snapshot for snapshot in found if snapshot.kind == "manual")
    assert (manual.status, manual.step_name) == ("compensating", "a")
    assert manual.context == {"undone": True}


async def test_checkpoint_without_recording_does_nothing() -> None:
    answers = []

    async def look(ctx: Any) -> None:
        answers.append(await saga.checkpoint("now"))

    async def build(saga: Saga) -> None:
        await saga.add_step("a", look)

    saga = Built(build)
    await saga.execute()
    assert answers == [False]


async def test_checkpoint_outside_a_run_is_refused() -> None:
    saga = Built(errand)
    with pytest.raises(UsageError, match="does not run"):
        await saga.checkpoint("before")
    await saga.execute()
    with pytest.raises(UsageError, match="does not run"):
        await saga.checkpoint("after")


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
