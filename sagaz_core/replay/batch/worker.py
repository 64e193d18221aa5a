"""Works a batch off: alone, or together with others who do the same in other processes.

Nobody hands the sagas out. Each worker goes through all of them, and the lease of a saga's
family decides who replays it; the replay log, whose entries name the batch as their request,
tells the others what became of it. One that somebody else holds is looked at again at the end.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from sagaz_core.errors import (
    CorruptEntryError,
    PlanChangedError,
    ReplayInProgressError,
    SagaNotFoundError,
    SagazError,
    StorageError,
)
from sagaz_core.model import ReplayResult
from sagaz_core.process import process_owner
from sagaz_core.replay.batch.code import BatchFactory, factory_of
from sagaz_core.replay.batch.failures import SharedFailures
from sagaz_core.replay.batch.halt import Halt
from sagaz_core.replay.batch.items import BatchItem, State
from sagaz_core.replay.batch.journal import BatchJournal
from sagaz_core.replay.batch.pace import Pace
from sagaz_core.replay.batch.planning import GONE
from sagaz_core.replay.batch.pool import at_once
from sagaz_core.replay.batch.progress import Progress
from sagaz_core.replay.earlier_call import result_of
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage

_LOOKS_APART: Final = 0.1
"""Seconds between two looks at what others hold, however much is written meanwhile."""
_LONGEST_WAIT: Final = 30.0


class BatchWorker:
    """Replays the sagas of a batch that are left.

    Args:
        storage: where they are.
        journal: what the batch was begun with.
        progress: their states, which it changes.
        halt: asked to stop from outside, or here.
        factory: where their code comes from.
        initiated_by: who works on it, for the replay log.
        pace: how fast replays start; None: as fast as they can.
        failures: how many have failed, and how many may.
    """

    def __init__(
        self,
        storage: SnapshotStorage,
        journal: BatchJournal,
        progress: Progress,
        halt: Halt,
        *,
        factory: BatchFactory,
        initiated_by: str | None,
        pace: Pace | None,
        failures: SharedFailures,
    ) -> None:
        self._storage = storage
        self._journal = journal
        self._progress = progress
        self._halt = halt
        self._factory = factory
        self._initiated_by = initiated_by
        self._pace = pace
        self._failures = failures
        self._held: list[int] = []
        """Places of sagas that somebody else replays just now."""

    async def learn(self, concurrency: int) -> None:
        """Find out what has become of the batch's sagas until now.

        Raises:
            StorageError: the store failed.
        """
        await at_once(self._progress.left(), self._learn, concurrency)
        failed = [item.saga_id for item in self._progress.items if item.state == "failed"]
        await self._failures.add(failed)

    async def run(self, *, concurrency: int, canary: bool, shared: bool) -> None:
        """Work until every saga is settled, or the batch has to stop.

        Args:
            concurrency: how many replays run at a time.
            canary: whether one has to succeed before the others start.
            shared: whether others may have begun before.
        """
        try:
            if canary:
                await self._send_canary()
            # Workers that begin at different places seldom get into each other's way.
            left = self._progress.left()
            first = random.randrange(len(left)) if shared and left else 0
            await self._settle(left[first:] + left[:first], concurrency)
        except StorageError as error:
            self._stop(str(error))

    async def _settle(self, places: list[int], concurrency: int) -> None:
        held: list[int] = []
        while not self._halt:
            self._held = []
            await at_once(places, self._one, concurrency)
            held += self._held
            if not held:
                return
            places = await self._until_free(held)
            held = [at for at in held if at not in places]

    def _stop(self, reason: str) -> None:
        if not self._halt:
            self._halt.ask(reason)
            self._progress.tell("stopping")

    # -- one saga

    async def _one(self, at: int) -> None:
        if self._halt or self._progress.is_settled(at):
            return
        try:
            if await self._failures.reached():
                self._stop(f"{self._failures.limit} of its replays have failed")
                return
            if self._pace is not None and not await self._may_start(at, self._pace):
                return
            await self._replay(at)
        except StorageError as error:
            # Those under way are let end, as far as they can without their store.
            self._stop(str(error))
            self._progress.change(at, "waiting")

    async def _may_start(self, at: int, pace: Pace) -> bool:
        """Wait for the saga's turn; False if there is nothing to start any more."""
        if self._progress.items[at].from_step is None:
            return True
        await self._learn(at)
        if self._progress.is_settled(at):
            self._progress.tell("item_ended", at)
            return False
        await self._halt.unless(pace.wait())
        return not self._halt

    async def _learn(self, at: int) -> None:
        """Take over how a saga's replay of this batch has ended, whoever ran it."""
        for entry in await self._storage.list_replays(self._progress.items[at].saga_id):
            if entry.request_id != self._journal.batch_id:
                continue
            outcome, error = entry.outcome, entry.error_message
            if outcome == "running":
                result = await result_of(self._storage, entry)
                if result is None:
                    return
                outcome = "failed" if result.status == "failed" else "success"
                error = result.error_message
            failed = outcome == "failed"
            self._progress.change(
                at,
                "failed" if failed else "succeeded",
                new_saga_id=entry.replay_id,
                error=error if failed else None,
            )
            return

    async def _replay(self, at: int) -> None:
        item = self._progress.items[at]
        if item.from_step is None:
            await self._end(at, "skipped")
            return
        self._progress.change(at, "running")
        self._progress.tell("item_started", at)
        try:
            result = await self._call(item, item.from_step)
        except (ReplayInProgressError, PlanChangedError):
            self._progress.change(at, "waiting")
            self._progress.tell("waiting", at)
            self._held.append(at)
        except SagaNotFoundError:
            await self._end(at, "skipped", reason=GONE)
        except (StorageError, asyncio.CancelledError) as error:
            self._progress.change(at, "waiting")
            if not isinstance(error, CorruptEntryError):
                raise
            await self._end(at, "skipped", reason=str(error))
        except SagazError as error:
            await self._end(at, "skipped", reason=str(error))
        else:
            await self._take_in(at, result)

    async def _call(self, item: BatchItem, from_step: str) -> ReplayResult:
        replay = SagaReplay(
            item.saga_id,
            self._storage,
            saga_factory=factory_of(self._factory, item.saga_name),
            initiated_by=self._initiated_by,
        )
        return await replay.from_checkpoint(
            from_step,
            **self._journal.options.arguments(item.saga_id),
            reason=self._journal.entry.reason,
            request_id=self._journal.batch_id,
        )

    async def _take_in(self, at: int, result: ReplayResult) -> None:
        if result.status == "invalid":
            await self._end(
                at,
                "in_doubt" if result.in_doubt else "skipped",
                new_saga_id=result.new_saga_id,
                reason=result.error_message,
            )
            return
        if result.status == "failed":
            if await self._is_taken_over(at) or not await self._goes_on(result.new_saga_id or ""):
                await self._take_end(at)
                return
            # The store failed, and knows nothing of an end: whoever resumes it continues it.
            self._progress.change(at, "waiting")
            self._stop(result.error_message or "the store failed")
            return
        await self._end(at, "succeeded", new_saga_id=result.new_saga_id)

    async def _is_taken_over(self, at: int) -> bool:
        """Whether another process has acted for a saga since this one did: it had stood still."""
        family = await self._storage.get_family(self._progress.items[at].saga_id)
        return family is not None and family.owner != process_owner()

    async def _take_end(self, at: int) -> None:
        """Take over what the store tells of a saga's end, or come back to it.

        That may be another than this process has seen: by whoever took it over, or because the
        store's last answer was lost.
        """
        await self._learn(at)
        item = self._progress.items[at]
        if not self._progress.is_settled(at):
            self._progress.change(at, "waiting")
            self._held.append(at)
            return
        self._progress.tell("item_ended", at)
        if item.state == "failed":
            await self._failures.add([item.saga_id])

    async def _goes_on(self, replay_id: str) -> bool:
        """Whether a replay has not ended for whoever looks at the store."""
        log = await self._storage.get_replay_log(replay_id)
        if log is None or log.outcome != "running":
            return False
        saga = await self._storage.get_saga(replay_id)
        return saga is None or saga.status not in ("completed", "failed")

    async def _end(self, at: int, state: State, **fields: str | None) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        item = self._progress.change(at, state, **given)
        self._progress.tell("item_ended", at)
        if state == "failed":
            await self._failures.add([item.saga_id])

    # -- first of all

    async def _send_canary(self) -> None:
        """Replay one saga, and stop if it fails; one of the batch that has run counts as it."""
        if self._any("succeeded"):
            return
        for at in range(len(self._progress.items)):
            if not self._progress.is_settled(at):
                if self._any("failed"):
                    break
                self._progress.tell("canary", at)
                await self._settle([at], 1)
            if self._halt or self._progress.items[at].state == "succeeded":
                return
            if self._progress.items[at].state == "failed":
                break
        for item in self._progress.items:
            if item.state == "failed":
                self._stop(
                    f"the first that ran, {item.saga_id}, failed ({item.error}); see why, and "
                    "resume without a canary (canary=False, --no-canary) to replay the others"
                )
                return

    def _any(self, state: State) -> bool:
        return any(item.state == state for item in self._progress.items)

    # -- those of others

    async def _until_free(self, held: list[int]) -> list[int]:
        """Wait until one of these is nobody's any more; returns those that are not."""
        cursor: int | None = await self._storage.wait(None, 0)
        while not self._halt:
            free, soonest = [], _LONGEST_WAIT
            for at in held:
                # The sagas of a batch are the roots of their families.
                family = await self._storage.get_family(self._progress.items[at].saga_id)
                if family is None or family.alive_until is None or not family.held:
                    free.append(at)
                else:
                    soonest = min(soonest, (family.alive_until - family.now) / 1_000_000)
            if free:
                return free
            cursor = await self._halt.unless(self._changed(cursor, soonest))
        return []

    async def _changed(self, cursor: int | None, timeout: float) -> int:
        """Wait for a change of the store; returns the cursor to wait with next."""
        await asyncio.sleep(_LOOKS_APART)
        return await self._storage.wait(cursor, timeout)
