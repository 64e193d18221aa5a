"""Which checkpoints are taken, under each strategy and when asked for one."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.config import RECORDING_BY_DEFAULT, ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.errors import UsageError
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.recorded import ROLLBACK, errand, kinds, order, recorded, timeline
from tests.saga.sagas import Build, Built, Ledger


@pytest.fixture
def storage() -> SnapshotStorage:
    return InMemorySnapshotStorage()


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
