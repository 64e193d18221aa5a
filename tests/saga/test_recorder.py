"""Recording code that is no saga of this library."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaz_core.config import ReplayConfig
from sagaz_core.errors import HeadConflictError, InvalidSagaIdError, LeaseLostError
from sagaz_core.model import StepError
from sagaz_core.saga import recording
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage, MemoryBackend
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import GatedBackend


@pytest.fixture
def storage() -> SnapshotStorage:
    return InMemorySnapshotStorage()


async def nightly(recorder: SagaRecorder, context: dict[str, Any], fail: bool = False) -> None:
    """Record a run of two steps, of which the second may fail."""
    async with recorder:
        async with recorder.step("download", context) as step:
            context["files"] = ["a.csv"]
            step.result = 1
        async with recorder.step("load", context):
            context["rows"] = 10
            if fail:
                raise ValueError("bad row")


async def test_it_records_each_step_and_the_end(storage: SnapshotStorage) -> None:
    await nightly(SagaRecorder(storage, saga_id="job", saga_name="Nightly"), {"day": 1})

    found = [snapshot async for snapshot in storage.iter_checkpoints("job")]
    assert [(s.kind, s.status, s.step_name, s.completed_steps) for s in found] == [
        ("before_step", "executing", "download", []),
        ("before_step", "executing", "load", ["download"]),
        ("completed", "completed", None, ["download", "load"]),
    ]
    assert found[1].state == {"day": 1, "files": ["a.csv"], "download": 1}
    assert found[2].state == {"day": 1, "files": ["a.csv"], "download": 1, "rows": 10}
    assert [record.name for s in found for record in s.step_records] == ["download", "load"]
    touches = {touch.key: touch.step_name for touch in await storage.list_changes("job")}
    assert touches == {"day": None, "files": "download", "download": "download", "rows": "load"}
    family = await storage.get_family("job")
    assert family is not None
    assert not family.held


async def test_an_exception_is_recorded_and_goes_on(storage: SnapshotStorage) -> None:
    with pytest.raises(ValueError, match="bad row"):
        await nightly(SagaRecorder(storage, saga_id="job", saga_name="Nightly"), {}, fail=True)

    entries = await storage.list_checkpoints("job")
    assert [(entry.kind, entry.step_name) for entry in entries[2:]] == [
        ("step_failed", "load"),
        ("failed", "load"),
    ]
    assert entries[2].error is not None
    assert entries[2].error.headline == "ValueError: bad row"
    row = await storage.get_saga("job")
    assert row is not None
    assert (row.status, row.step_name, row.saga_name) == ("failed", "load", "Nightly")


async def test_a_cancelled_step_is_recorded_as_cancelled(storage: SnapshotStorage) -> None:
    hanging = asyncio.Event()

    async def work() -> None:
        async with (
            SagaRecorder(storage, saga_id="job", saga_name="Nightly") as recorder,
            recorder.step("hang", {}),
        ):
            hanging.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(work())
    await hanging.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    entries = await storage.list_checkpoints("job")
    assert [entry.kind for entry in entries] == ["before_step", "step_failed", "failed"]
    assert entries[1].step_records[0].outcome == "cancelled"


async def test_it_follows_the_strategy(storage: SnapshotStorage) -> None:
    config = ReplayConfig(enable_snapshots=True, snapshot_strategy="on_failure")
    await nightly(SagaRecorder(storage, saga_id="good", saga_name="N", config=config), {})
    with pytest.raises(ValueError, match="bad row"):
        await nightly(
            SagaRecorder(storage, saga_id="bad", saga_name="N", config=config), {}, fail=True
        )
    assert await storage.get_saga("good") is None
    assert len(await storage.list_checkpoints("bad")) == 4


async def test_checkpoints_can_be_taken_one_by_one(storage: SnapshotStorage) -> None:
    recorder = SagaRecorder(storage, saga_id="job", saga_name="Engine")
    assert await recorder.checkpoint("before_step", {"n": 1}, step_name="a")
    assert not await recorder.checkpoint("after_step", {"n": 2}, step_name="a")
    error = StepError("Oops", "it broke")
    assert await recorder.checkpoint("step_failed", {"n": 2}, step_name="a", error=error)
    assert await recorder.checkpoint("failed", {"n": 2}, step_name="a", error=error)

    found = [snapshot async for snapshot in storage.iter_checkpoints("job")]
    assert [(s.kind, s.context["n"]) for s in found] == [
        ("before_step", 1),
        ("step_failed", 2),
        ("failed", 2),
    ]
    assert found[1].error == error


async def test_what_is_changed_later_does_not_reach_a_checkpoint(storage: SnapshotStorage) -> None:
    recorder = SagaRecorder(storage, saga_id="job", saga_name="Engine")
    context = {"items": [1]}
    taking = asyncio.create_task(recorder.checkpoint("manual", context))
    await asyncio.sleep(0)
    context["items"].append(2)
    await taking
    await recorder.finish("completed")
    assert (await storage.get_checkpoint("job", 1)).context == {"items": [1]}


async def test_checkpoints_offered_while_others_are_written_keep_their_order() -> None:
    backend = GatedBackend(1)
    storage = SnapshotStorage(backend)
    config = ReplayConfig(enable_snapshots=True, snapshot_strategy="on_failure")
    recorder = SagaRecorder(storage, saga_id="job", saga_name="Engine", config=config)
    await recorder.checkpoint("before_step", {"n": 1})
    await recorder.checkpoint("before_step", {"n": 2})
    failing = asyncio.create_task(recorder.checkpoint("step_failed", {"n": 3}))
    await backend.gate.reached.wait()
    undoing = asyncio.create_task(recorder.checkpoint("before_compensation", {"n": 4}))
    await asyncio.sleep(0)
    backend.gate.opened.set()
    await asyncio.gather(failing, undoing)
    await recorder.finish("failed")

    found = [snapshot.context["n"] async for snapshot in storage.iter_checkpoints("job")]
    assert found == [1, 2, 3, 4]


async def test_a_recorder_that_was_left_sends_no_more_beats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)
    backend = BeatingBackend()
    config = ReplayConfig(enable_snapshots=True, snapshot_strategy="manual")
    async with SagaRecorder(SnapshotStorage(backend), saga_name="N", config=config) as recorder:
        await recorder.checkpoint("manual", {})
        await asyncio.wait_for(backend.beats.wait(), timeout=10)
    backend.beats.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(backend.beats.wait(), timeout=0.05)


class BeatingBackend(MemoryBackend):
    """A store that tells of beats."""

    def __init__(self) -> None:
        super().__init__()
        self.beats = asyncio.Event()

    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        self.beats.set()
        return await super().beat(root, fence=fence, term=term)


async def test_an_id_in_use_is_refused_before_the_step(storage: SnapshotStorage) -> None:
    await nightly(SagaRecorder(storage, saga_id="job", saga_name="Nightly"), {})
    context: dict[str, Any] = {}
    with pytest.raises(HeadConflictError, match="job"):
        await nightly(SagaRecorder(storage, saga_id="job", saga_name="Nightly"), context)
    assert context == {}


async def test_a_lease_that_a_beat_finds_lost_stops_the_run_before_its_next_step(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.03)

    async def lost(*args: Any, **kwargs: Any) -> bool:
        return False

    done = []

    async def run(recorder: SagaRecorder) -> None:
        async with recorder:
            async with recorder.step("download", {}):
                done.append("download")
            monkeypatch.setattr(storage.backend, "beat", lost)
            await asyncio.sleep(0.05)
            async with recorder.step("load", {}):
                done.append("load")

    with pytest.raises(LeaseLostError):
        await run(SagaRecorder(storage, saga_id="job", saga_name="Nightly"))
    assert done == ["download"]


def test_an_unusable_id_is_refused_at_once(storage: SnapshotStorage) -> None:
    with pytest.raises(InvalidSagaIdError):
        SagaRecorder(storage, saga_id="", saga_name="Nightly")


async def test_an_id_is_made_up_where_none_is_given(storage: SnapshotStorage) -> None:
    first = SagaRecorder(storage, saga_name="Nightly")
    second = SagaRecorder(storage, saga_name="Nightly")
    assert first.saga_id != second.saga_id
