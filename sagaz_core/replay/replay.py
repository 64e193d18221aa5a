"""Replaying a saga: a new run, with an id of its own, grown from a checkpoint of another."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sagaz_core.errors import (
    ReadOnlyStoreError,
    ReplayInProgressError,
    SagazError,
    SnapshotNotFoundError,
    StorageError,
    UsageError,
)
from sagaz_core.model import (
    ReplayLogEntry,
    ReplayResult,
    ReplayStatus,
    SagaResult,
    SagaSnapshot,
    utc_now,
)
from sagaz_core.replay.correction import Correction
from sagaz_core.replay.digest import check_digest
from sagaz_core.replay.factory import SagaFactory
from sagaz_core.replay.overrides import Override
from sagaz_core.replay.plan import Draft, Request, make_plan, plan_data
from sagaz_core.replay.recording import recording_config
from sagaz_core.replay.rehearsal import rehearse
from sagaz_core.saga.process import process_owner
from sagaz_core.saga.saga import Saga
from sagaz_core.saga.start import StartPoint
from sagaz_core.storage.backends.base import FamilyRow
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage

_log = logging.getLogger("sagaz")

LONGEST_ROOT: Final = 240
"""Longer ids of root sagas are cut, with a hash, so that a replay's id stays within 256."""

_STATUSES: Final[dict[str, ReplayStatus]] = {
    "completed": "success",
    "failed": "failed",
    "stopped": "stopped",
}


class SagaReplay:
    """Replays of one saga. The saga itself never changes.

    Args:
        saga_id: the saga to replay, which may be a replay itself.
        snapshot_storage: where it was recorded, and where its replays are.
        saga_factory: takes the context to start with and returns the saga, sync or async. None:
            the recorded class, if this program has defined it.
        initiated_by: who asks for it, for the replay log; ``user@host`` if None.
    """

    def __init__(
        self,
        saga_id: str,
        snapshot_storage: SnapshotStorage,
        *,
        saga_factory: SagaFactory | None = None,
        initiated_by: str | None = None,
    ) -> None:
        self.saga_id = saga_id
        self.snapshot_storage = snapshot_storage
        self.saga_factory = saga_factory
        self.initiated_by = initiated_by or process_owner().rpartition(":")[0]

    async def from_checkpoint(
        self,
        step_name: str,
        *,
        context_override: Mapping[str, Any] | None = None,
        override_at: Mapping[str, Any] | None = None,
        overrides: Sequence[Override] = (),
        unset: Sequence[str] = (),
        allow_type: Sequence[str] = (),
        dry_run: bool = False,
        simulate: bool = False,
        force_failure: bool | str = False,
        saga_factory: SagaFactory | None = None,
        compensated: Literal["redo", "keep", "refuse"] = "redo",
        in_doubt: Literal["retry", "skip"] | None = None,
        snapshot_id: str | None = None,
        reason: str | None = None,
        plan_digest: str | None = None,
    ) -> ReplayResult:
        """Replay the saga from a step, or say what that would do.

        Args:
            step_name: the step to start at, from its newest checkpoint on the forward path.
            context_override: values by top-level key, taken literally.
            override_at: values by JSON Pointer, as in ``{"/cart/0/qty": 2}``.
            overrides: changes as parsed from text, read as the recorded types.
            unset: keys or pointers to remove.
            allow_type: pointers whose value may have another type than the recorded one.
            dry_run: only plan; no action is called and nothing is written.
            simulate: rehearse: walk the steps without their effects, each by its ``simulate=``
                function, or else as this or another saga recorded it; nothing is written.
            force_failure: fail instead of calling the action of ``step_name``, or of the step
                that is named.
            saga_factory: takes the place of the one given to the constructor.
            compensated: restored steps that were undone since run again first ("redo"), stay
                restored in name only ("keep"), or make the plan invalid ("refuse").
            in_doubt: restored steps whose undoing is uncertain run again ("retry") or count as
                done ("skip"); None: they make the plan invalid.
            snapshot_id: start from exactly this checkpoint.
            reason: why, for the replay log.
            plan_digest: the digest of the plan that was shown; another one is refused.

        Returns:
            A result whose status is ``success`` or ``failed``, or ``invalid`` if the plan has
            problems and nothing ran; of a dry run ``valid`` or ``invalid``. The plan is in it.
            A rehearsal ends as the replay would, or is ``stopped`` at a step of which nothing
            is known; what it did and its history are in ``rehearsal``.

        Raises:
            SagaNotFoundError: there is no such saga.
            SnapshotNotFoundError: no checkpoint fits (of a dry run or a rehearsal, the plan
                says so instead).
            PlanChangedError: the plan is no longer the one of ``plan_digest``.
            ReplayInProgressError: a run of this family is alive.
            ReadOnlyStoreError: the store was opened to look only.
            UsageError: an argument is not what it must be.
        """
        request = Request(
            saga_id=self.saga_id,
            from_step=step_name,
            correction=Correction(
                values=context_override or {},
                pointers=override_at or {},
                texts=tuple(overrides),
                unset=tuple(unset),
                allow_type=tuple(allow_type),
            ),
            compensated=compensated,
            in_doubt=in_doubt,
            force_failure=force_failure,
            snapshot_id=snapshot_id,
            factory=saga_factory or self.saga_factory,
        )
        if dry_run and simulate:
            raise UsageError(
                "a dry run only plans and a rehearsal walks the plan; ask for one of them"
            )
        if not (dry_run or simulate) and self.snapshot_storage.read_only:
            raise ReadOnlyStoreError(
                f"{self.snapshot_storage.name} was opened to look only, and a replay writes to "
                "it; open it for writing, or ask for a dry run"
            )
        draft = await make_plan(self.snapshot_storage, request)
        if dry_run:
            return self._result(draft, "valid" if draft.plan.valid else "invalid")
        if simulate:
            return await self._rehearse(draft, plan_digest)
        if draft.family is not None and draft.family.held:
            raise ReplayInProgressError(_in_progress(draft.family))
        if plan_digest is not None:
            check_digest(plan_digest, draft.plan.digest)
        for problem in draft.plan.problems:
            if problem.code == "checkpoint_missing":
                raise SnapshotNotFoundError(problem.message)
        if draft.saga is None or draft.start is None or draft.snapshot is None:
            return self._result(draft, "invalid")
        return await self._run(draft, draft.saga, draft.start, draft.snapshot, reason)

    # -- rehearsing

    async def _rehearse(self, draft: Draft, plan_digest: str | None) -> ReplayResult:
        if plan_digest is not None:
            check_digest(plan_digest, draft.plan.digest)
        if draft.saga is None or draft.start is None or draft.snapshot is None:
            return self._result(draft, "invalid")
        started_at = utc_now()
        outcome, rehearsal, message = await rehearse(
            self.snapshot_storage,
            draft.plan,
            draft.saga,
            draft.start,
            draft.snapshot,
            rehearsal_id=f"{_stem(draft.plan.root_id)}~rehearsal",
        )
        return replace(
            self._result(draft, _STATUSES[outcome.status]),
            error_message=message or _error_message(outcome),
            compensation=outcome.compensation,
            context=outcome.context,
            started_at=started_at,
            finished_at=utc_now(),
            capture_errors=outcome.capture_errors,
            rehearsal=rehearsal,
        )

    # -- running

    async def _run(
        self,
        draft: Draft,
        saga: Saga,
        start: StartPoint,
        snapshot: SagaSnapshot,
        reason: str | None,
    ) -> ReplayResult:
        plan, family = draft.plan, draft.family
        entry = ReplayLogEntry(
            replay_id=await self._next_id(plan.root_id),
            original_saga_id=self.saga_id,
            from_step=plan.from_step,
            snapshot_id=plan.snapshot_id,
            sequence=plan.sequence,
            override=plan.overrides,
            initiated_by=self.initiated_by,
            reason=reason,
            error_message="it was stopped before its end",
            plan=plan_data(plan),
        )
        lease = await self.snapshot_storage.acquire_lease(
            plan.root_id,
            owner=process_owner(),
            holder=entry.replay_id,
            expect_fence=family.fence if family else 0,
        )
        try:
            await self.snapshot_storage.save_replay_log(replace(entry, error_message=None))
        except BaseException:
            await lease.release()
            raise
        outcome: SagaResult | None = None
        try:
            outcome = await saga.execute_from(
                start,
                saga_id=entry.replay_id,
                snapshot_storage=self.snapshot_storage,
                config=recording_config(saga.config, snapshot),
                lease=lease,
                parent_id=self.saga_id,
                parent_sequence=snapshot.sequence,
                root_id=plan.root_id,
            )
            entry = replace(entry, error_message=_error_message(outcome))
        except SagazError as error:
            entry = replace(entry, error_message=str(error))
        finally:
            succeeded = outcome is not None and outcome.status == "completed"
            entry = replace(
                entry, finished_at=utc_now(), outcome="success" if succeeded else "failed"
            )
            await asyncio.shield(self._close(entry, lease))
        return replace(
            self._result(draft, "success" if succeeded else "failed"),
            new_saga_id=entry.replay_id,
            error_message=entry.error_message,
            compensation=outcome.compensation if outcome else "none",
            context=outcome.context if outcome else {},
            started_at=entry.started_at,
            finished_at=entry.finished_at,
            capture_errors=outcome.capture_errors if outcome else 0,
        )

    async def _next_id(self, root_id: str) -> str:
        stem = _stem(root_id)
        storage = self.snapshot_storage
        number = len(await storage.list_family(root_id)) or 1
        # A saga of another family may have such an id, given to it by its user.
        while (
            await storage.get_saga(f"{stem}~r{number}") is not None
            or await storage.get_replay_log(f"{stem}~r{number}") is not None
        ):
            number += 1
        return f"{stem}~r{number}"

    async def _close(self, entry: ReplayLogEntry, lease: Lease) -> None:
        """Write down how the replay ended. It has ended: a store that is gone changes nothing."""
        try:
            await self.snapshot_storage.save_replay_log(entry)
            await lease.release()
        except StorageError as error:
            _log.error(
                "replay %r ended with %s, which could not be written to its log: %s",
                entry.replay_id,
                entry.outcome,
                error,
            )

    def _result(self, draft: Draft, status: ReplayStatus) -> ReplayResult:
        problems = " ".join(f"{problem.message}." for problem in draft.plan.problems)
        return ReplayResult(
            status=status,
            original_saga_id=self.saga_id,
            plan=draft.plan,
            error_message=problems or None,
        )


def _stem(root_id: str) -> str:
    if len(root_id) <= LONGEST_ROOT:
        return root_id
    mark = hashlib.blake2b(root_id.encode(), digest_size=6).hexdigest()
    return f"{root_id[: LONGEST_ROOT - len(mark) - 1]}~{mark}"


def _error_message(outcome: SagaResult) -> str | None:
    error = outcome.error
    if error is None:
        return None
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{outcome.failed_step}: {text}" if outcome.failed_step else text


def _in_progress(family: FamilyRow) -> str:
    since = datetime.fromtimestamp(family.acquired / 1_000_000, UTC)
    return (
        f"{family.holder} of this family is running, by {family.owner}, "
        f"since {since.isoformat(timespec='seconds')}; wait until it has ended, and plan again"
    )
