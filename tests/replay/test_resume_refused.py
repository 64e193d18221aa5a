"""What is not gone on with: nothing runs, and a sentence says why."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.errors import (
    NotResumableError,
    ReadOnlyStoreError,
    ReplayInProgressError,
    SagaNotFoundError,
    UsageError,
)
from sagaz_core.model import ReplayResult, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.recorder import SagaRecorder
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import (
    WORLD,
    Careful,
    Chain,
    Gossip,
    Tape,
    die_at,
    run_on_tape,
)
from tests.replay.shop import let_lapse


async def resume(storage: SnapshotStorage, **how: Any) -> ReplayResult:
    return await SagaReplay("s", storage, initiated_by="ops@bastion").resume(**how)


async def test_what_is_not_interrupted_is_not_resumed() -> None:
    tape, _ = await run_on_tape(Chain, {"fails": None})
    with pytest.raises(NotResumableError, match="has completed: only one that was interrupted"):
        await resume(SnapshotStorage(tape))
    tape, _ = await run_on_tape(Chain, {"fails": "b"})
    with pytest.raises(NotResumableError, match="replay it from the step that failed"):
        await resume(SnapshotStorage(tape))
    with pytest.raises(SagaNotFoundError):
        await resume(SnapshotStorage(Tape()))


async def test_a_replay_that_was_named_and_never_began_is_not_resumed() -> None:
    tape, _ = await run_on_tape(Chain, {"fails": "b"})
    storage = SnapshotStorage(tape)
    tape.breaks_at = 1
    await SagaReplay("s", storage).from_checkpoint("b")
    with pytest.raises(NotResumableError, match="replay 's' again"):
        await SagaReplay("s~r1", storage).resume()


async def test_a_run_that_is_alive_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "b")
    await storage.acquire_lease("s", owner="me@here:1", holder="s~r1")
    with pytest.raises(ReplayInProgressError, match="s~r1"):
        await resume(storage)


async def test_a_step_that_was_not_idempotent_when_it_ran_is_in_doubt() -> None:
    storage, _ = await die_at(Careful, "before_step", "b")
    result = await SagaReplay("s", storage, saga_factory=Chain).resume()
    assert result.status == "invalid"


async def test_a_run_after_which_another_of_its_family_has_acted_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "c")
    await SagaReplay("s", storage).from_checkpoint("b")
    with pytest.raises(NotResumableError, match="s~r1 of its family has run since"):
        await resume(storage)


async def test_one_whose_steps_were_not_recorded_is_not_resumed() -> None:
    storage, _ = await die_at(Gossip, "manual", "b", strategy="manual")
    with pytest.raises(NotResumableError, match="its steps were not recorded while it ran"):
        await resume(storage)


async def test_one_of_whose_checkpoints_some_were_deleted_is_not_resumed() -> None:
    storage, _ = await die_at(Chain, "before_step", "c")
    await storage.delete_snapshot((await storage.list_checkpoints("s"))[0].snapshot_id)
    with pytest.raises(NotResumableError, match="some of its checkpoints were deleted"):
        await resume(storage)


async def test_one_that_was_recorded_without_a_lease_is_not_resumed() -> None:
    storage = SnapshotStorage(Tape())
    await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="Chain"))
    with pytest.raises(NotResumableError, match="recorded without a lease"):
        await resume(storage)


async def test_one_of_another_engine_needs_code() -> None:
    storage = SnapshotStorage(Tape())
    recorder = SagaRecorder(storage, saga_id="s", saga_name="Chain")
    await recorder.__aenter__()
    async with recorder.step("a", {"n": 1}):
        pass
    recorder.stop()
    await let_lapse(storage, "s")
    result = await resume(storage)
    assert result.status == "invalid"
    assert "recorded by another engine" in str(result.error_message)


class ShorterChain(Saga):
    """A chain of which the last two steps were taken away."""

    async def build(self) -> None:
        for name in "ab":
            await self.add_step(name, print)


async def test_code_that_no_longer_fits_is_refused_and_nothing_runs() -> None:
    storage, moment = await die_at(Chain, "before_step", "b")
    result = await SagaReplay("s", storage, saga_factory=ShorterChain).resume()
    assert (result.status, result.new_saga_id) == ("invalid", "s")
    assert "saga 's' cannot be resumed: step 'c' was recorded" in str(result.error_message)
    assert moment.at_the_next == WORLD


@pytest.mark.parametrize("how", ["wrong word", "read-only"])
async def test_wrong_use_is_told(how: str) -> None:
    storage, moment = await die_at(Chain, "before_step", "b")
    if how == "wrong word":
        with pytest.raises(UsageError, match="in_doubt is 'maybe'; use one of retry, skip"):
            await resume(storage, in_doubt="maybe")
    else:
        with pytest.raises(ReadOnlyStoreError, match="open it for writing"):
            await resume(SnapshotStorage(moment.tape, read_only=True))
