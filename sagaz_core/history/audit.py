"""The audit trail: every replay, who wanted it, when, why, with what, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.listing import micros_of
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.times import to_micros

AuditOutcome = Literal["success", "failed", "running", "interrupted"]
"""``interrupted``: it has not ended, and nobody runs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One replay as its log tells of it, and how it stands by now."""

    log: ReplayLogEntry
    outcome: AuditOutcome
    """Where the process of a replay was killed, this is not what its log says."""
    finished_at: datetime | None = None
    error_message: str | None = None
    began: bool = True
    """False: it was interrupted before its saga was there, and nothing ran."""

    @property
    def took(self) -> timedelta | None:
        """From its line in the log to its end; None: it has not ended."""
        return None if self.finished_at is None else self.finished_at - self.log.started_at

    @property
    def runs_again(self) -> tuple[str, ...]:
        """The steps that, by its plan, had run before and run again."""
        steps = self.log.plan.get("steps", ())
        return tuple(step["name"] for step in steps if step["fate"] == "runs_again")

    @property
    def digest(self) -> str:
        """That of the plan that was followed; empty: it is not known."""
        return str(self.log.plan.get("digest", ""))


async def audit(
    storage: StoreReader,
    saga_id: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str | None = None,
    outcomes: Collection[AuditOutcome] = (),
) -> AsyncIterator[AuditEntry]:
    """Yield the replays of a whole store or of one family, the latest first.

    Args:
        storage: the store; of a long log only a part is in memory at a time.
        saga_id: any member of the family; None: all.
        since, until: when it started, inclusive, with a time zone.
        by: text in the name of who asked for it, in any case.
        outcomes: how it ended, one of these; empty: all.

    Raises:
        SagaNotFoundError: there is no such saga, and no replay of it.
        UsageError: a time has no zone.
    """
    first, last = micros_of(since, "since"), micros_of(until, "until")
    if saga_id is None:
        logs = storage.iter_replays(until=until)
    else:
        logs = _each(await _logs_of_family(storage, saga_id))
    async for log in logs:
        at = to_micros(log.started_at)
        if last is not None and at > last:
            continue
        if first is not None and at < first:
            return
        if by is None or by.casefold() in log.initiated_by.casefold():
            entry = await _as_it_stands(storage, log)
            if not outcomes or entry.outcome in outcomes:
                yield entry


async def replays_of(storage: StoreReader, saga_id: str) -> list[AuditEntry]:
    """Return the replays that grew from one saga itself, the latest first.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    await storage.get_existing_saga(saga_id)
    return [await _as_it_stands(storage, log) for log in await storage.list_replays(saga_id)]


async def _logs_of_family(storage: StoreReader, saga_id: str) -> list[ReplayLogEntry]:
    saga = await storage.get_saga(saga_id)
    members = [saga_id]
    if saga is not None:
        members = [member.saga_id for member in await storage.list_family(saga.root_id)]
    logs: dict[str, ReplayLogEntry] = {}
    for member in members:
        # Its own log, too: what it grew from may be gone.
        own = await storage.get_replay_log(member)
        for log in (*await storage.list_replays(member), *([own] if own else [])):
            logs[log.replay_id] = log
    if saga is None and not logs:
        await storage.get_existing_saga(saga_id)
    return sorted(logs.values(), key=lambda log: (log.started_at, log.replay_id), reverse=True)


async def _each(logs: list[ReplayLogEntry]) -> AsyncIterator[ReplayLogEntry]:
    for log in logs:
        yield log


async def _as_it_stands(storage: StoreReader, log: ReplayLogEntry) -> AuditEntry:
    if log.outcome != "running":
        return AuditEntry(
            log=log,
            outcome=log.outcome,
            finished_at=log.finished_at,
            error_message=log.error_message,
        )
    saga = await storage.get_saga(log.replay_id)
    if saga is None:
        family = await storage.get_family(log.plan.get("root_id", log.original_saga_id))
        alive = family is not None and family.held and family.holder == log.replay_id
        return AuditEntry(log=log, outcome="running" if alive else "interrupted", began=False)
    if saga.status in ("executing", "compensating"):
        return AuditEntry(log=log, outcome="running")
    if saga.status == "interrupted":
        return AuditEntry(log=log, outcome="interrupted")
    # Its process ended between the saga's end and the log's.
    return AuditEntry(
        log=log,
        outcome="success" if saga.status == "completed" else "failed",
        finished_at=saga.updated_at,
        error_message=saga.error,
    )
