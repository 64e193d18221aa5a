"""The audit trail: every replay with who, when, why, what, and how it stands by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sagaz_core.errors import SagaNotFoundError, UsageError
from sagaz_core.history.audit import AuditEntry, audit, replays_of
from sagaz_core.model import ReplayLogEntry, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import NOON


class AuditedOrder(Saga):
    """Reserves and charges; an expired token is declined, and the reservation given back."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge)

    async def reserve(self, ctx: StepContext) -> None:
        ctx["reserved"] = True

    async def release(self, result: Any, ctx: StepContext) -> None:
        ctx["reserved"] = False

    async def charge(self, ctx: StepContext) -> None:
        if ctx["token"] == "expired":
            raise PermissionError("token expired")


async def record(storage: SnapshotStorage, saga_id: str) -> None:
    await AuditedOrder({"token": "expired"}, saga_id=saga_id, snapshot_storage=storage).execute()


async def replay(
    storage: SnapshotStorage, saga_id: str, by: str, token: str, reason: str | None = None
) -> None:
    await SagaReplay(saga_id, storage, initiated_by=by).from_checkpoint(
        "charge", context_override={"token": token}, reason=reason
    )


async def trail(storage: SnapshotStorage, *which: Any, **filters: Any) -> list[AuditEntry]:
    return [entry async for entry in audit(storage, *which, **filters)]


def ids(entries: list[AuditEntry]) -> list[str]:
    return [entry.log.replay_id for entry in entries]


async def test_it_tells_of_every_replay_of_the_store_or_of_a_family(
    any_storage: SnapshotStorage,
) -> None:
    storage = any_storage
    for saga_id in ("a", "b"):
        await record(storage, saga_id)
    await replay(storage, "a", "ann@bastion", "expired", "try again")
    await replay(storage, "b", "ben@bastion", "new")
    await replay(storage, "a~r1", "Ann@home", "new", "new card")

    assert ids(await trail(storage)) == ["a~r2", "b~r1", "a~r1"]
    for member in ("a", "a~r1", "a~r2"):
        assert ids(await trail(storage, member)) == ["a~r2", "a~r1"]
    assert ids(await trail(storage, by="ann")) == ["a~r2", "a~r1"]
    assert ids(await trail(storage, by="bastion", outcomes={"failed"})) == ["a~r1"]
    assert ids(await trail(storage, outcomes=("failed", "success"))) == ["a~r2", "b~r1", "a~r1"]
    assert ids(await replays_of(storage, "a")) == ["a~r1"]

    second, _, first = await trail(storage)
    assert (first.outcome, first.error_message) == (
        "failed",
        "charge: PermissionError: token expired",
    )
    assert (second.outcome, second.error_message, second.log.reason) == (
        "success",
        None,
        "new card",
    )
    assert first.runs_again == second.runs_again == ("reserve",)
    assert second.digest == second.log.plan["digest"] != first.digest
    assert second.took is not None
    assert timedelta(0) <= second.took < timedelta(minutes=1)


async def test_a_replay_is_told_of_though_what_it_grew_from_is_gone(
    any_storage: SnapshotStorage,
) -> None:
    await any_storage.save_replay_log(log_of("a", 1))
    writer = any_storage.writer(saga_id="a~r1", saga_name="Order", root_id="a")
    await writer.append(capture(SagaSnapshot(saga_id="a~r1", saga_name="Order")))
    for saga_id in ("a", "a~r1"):
        assert ids(await trail(any_storage, saga_id)) == ["a~r1"]


async def test_an_unknown_saga_is_an_error(storage: SnapshotStorage) -> None:
    with pytest.raises(SagaNotFoundError):
        await trail(storage, "nobody")
    with pytest.raises(SagaNotFoundError):
        await replays_of(storage, "nobody")
    assert await trail(storage) == []


# ---------------------------------------------------------------- times


def log_of(saga_id: str, number: int, **fields: Any) -> ReplayLogEntry:
    given = {"started_at": NOON + timedelta(minutes=number), "outcome": "success", **fields}
    return ReplayLogEntry(
        replay_id=f"{saga_id}~r{number}",
        original_saga_id=saga_id,
        from_step="charge",
        snapshot_id=None,
        sequence=None,
        **given,
    )


async def test_a_span_of_time_has_both_its_ends(any_storage: SnapshotStorage) -> None:
    for number in range(5):
        await any_storage.save_replay_log(log_of("a", number))

    def at(minute: int) -> datetime:
        return NOON + timedelta(minutes=minute)

    for which in ((), ("a",)):
        found = await trail(any_storage, *which, since=at(1), until=at(3))
        assert ids(found) == ["a~r3", "a~r2", "a~r1"]
    with pytest.raises(UsageError, match="since"):
        await trail(any_storage, since=NOON.replace(tzinfo=None))


async def test_a_log_longer_than_a_page_is_told_whole(storage: SnapshotStorage) -> None:
    for number in range(450):
        started = NOON + timedelta(seconds=number // 3)
        await storage.save_replay_log(log_of("a", number, started_at=started))
    found = ids(await trail(storage))
    assert len(found) == len(set(found)) == 450
    assert found[-1] == "a~r0"


# ---------------------------------------------------------------- what its log does not tell


async def start(storage: SnapshotStorage, term: float) -> Any:
    """Record the beginning of a replay ``a~r1`` under a lease that holds for so many seconds."""
    await storage.save_replay_log(log_of("a", 1, outcome="running"))
    lease = await storage.acquire_lease("a", owner="ann@bastion:7", holder="a~r1", term=term)
    writer = storage.writer(
        saga_id="a~r1", saga_name="Order", root_id="a", fence=lease.fence, term=term
    )
    await writer.append(
        capture(SagaSnapshot(saga_id="a~r1", saga_name="Order", step_name="charge"))
    )
    return writer, lease


async def test_a_replay_that_somebody_runs_is_running_and_else_it_is_interrupted(
    any_storage: SnapshotStorage,
) -> None:
    _, lease = await start(any_storage, term=60)
    (entry,) = await trail(any_storage)
    assert (entry.outcome, entry.took, entry.began) == ("running", None, True)
    await lease.release()
    (entry,) = await trail(any_storage)
    assert (entry.outcome, entry.took, entry.began) == ("interrupted", None, True)
    assert await trail(any_storage, outcomes=("running", "failed")) == []


async def test_one_that_was_interrupted_before_it_began_says_so(
    any_storage: SnapshotStorage,
) -> None:
    await any_storage.save_replay_log(log_of("a", 1, outcome="running"))
    lease = await any_storage.acquire_lease("a", owner="ann", holder="a~r1")
    (entry,) = await trail(any_storage)
    assert entry.outcome == "running"
    await lease.release()
    (entry,) = await trail(any_storage)
    assert (entry.outcome, entry.began) == ("interrupted", False)
    await any_storage.acquire_lease("a", owner="ben", holder="a~r2")
    (entry,) = await trail(any_storage)
    assert entry.outcome == "interrupted", "it is another run that is alive"


@pytest.mark.parametrize(("status", "outcome"), [("completed", "success"), ("failed", "failed")])
async def test_one_whose_process_was_killed_after_its_end_is_told_by_its_saga(
    storage: SnapshotStorage, status: Any, outcome: str
) -> None:
    writer, _ = await start(storage, term=60)
    ended = NOON + timedelta(days=3650)
    last = SagaSnapshot(saga_id="a~r1", saga_name="Order", status=status, created_at=ended)
    await writer.append(capture(last), release=True)
    (entry,) = await trail(storage)
    assert (entry.outcome, entry.finished_at) == (outcome, ended)
