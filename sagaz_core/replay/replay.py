"""Replaying a saga: a new run, with an id of its own, grown from a checkpoint of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from sagaz_core.errors import (
    NotResumableError,
    PlanChangedError,
    ReadOnlyStoreError,
    SagaFactoryError,
    SnapshotNotFoundError,
    UsageError,
)
from sagaz_core.model import ReplayResult, ReplayStatus, utc_now
from sagaz_core.process import process_owner
from sagaz_core.replay.correction import Correction
from sagaz_core.replay.digest import check_digest
from sagaz_core.replay.earlier_call import (
    check_request_id,
    earlier_result,
    find_call,
    result_of,
)
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.error_message import error_message
from sagaz_core.replay.factory import SagaFactory
from sagaz_core.replay.look import Look
from sagaz_core.replay.overrides import Override
from sagaz_core.replay.plan import Draft, make_plan
from sagaz_core.replay.rehearsal import rehearse
from sagaz_core.replay.request import Request
from sagaz_core.replay.resume import resume_saga
from sagaz_core.replay.running import Call, run_plan
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.lease import in_progress
from sagaz_core.storage.replay_ids import stem
from sagaz_core.storage.storage import SnapshotStorage

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
        saga_factory: takes the context to start with and returns the saga, or anything with an
            ``async def resume(context, from_step, recorder)`` (see :class:`.engine.Engine`); sync
            or async. None: the recorded class, if this program has defined it.
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
        self._running: Saga | EngineCode | SagaReplay | None = None

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
        again: bool = False,
        request_id: str | None = None,
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
            again: replay it even though a replay has brought its family to success already.
            request_id: 1 to 256 printable characters of the caller's, naming this call. A call
                made again with it runs nothing a second time: it returns the first one's result,
                without its plan, once that has ended.

        Returns:
            A result whose status is ``success`` or ``failed``, or ``invalid`` if the plan has
            problems and nothing ran; of a dry run ``valid`` or ``invalid``. The plan is in it.
            A rehearsal ends as the replay would, or is ``stopped`` at a step of which nothing
            is known; what it did and its history are in ``rehearsal``.

        Raises:
            SagaNotFoundError: there is no such saga.
            SnapshotNotFoundError: no checkpoint fits (of a dry run or a rehearsal, the plan
                says so instead).
            PlanChangedError: the plan is no longer the one of ``plan_digest``, or another run of
                this family has acted while it was made.
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
            again=again,
        )
        if request_id is not None:
            check_request_id(request_id)
        if dry_run and simulate:
            raise UsageError(
                "a dry run only plans and a rehearsal walks the plan; ask for one of them"
            )
        if not (dry_run or simulate) and self.snapshot_storage.read_only:
            raise ReadOnlyStoreError(
                f"{self.snapshot_storage.name} was opened to look only, and a replay writes to "
                "it; open it for writing, or ask for a dry run"
            )
        if dry_run:
            draft = await make_plan(self.snapshot_storage, request)
            return self._result(draft, "valid" if draft.plan.valid else "invalid")
        if simulate:
            return await self._rehearse(request, plan_digest)
        call = Call(initiated_by=self.initiated_by, reason=reason, request_id=request_id)
        if request_id is None:
            return await self._run(request, call, plan_digest)
        return await self._run_once(request, request_id, call, plan_digest)

    async def resume(
        self, *, in_doubt: Literal["retry", "skip"] | None = None, reason: str | None = None
    ) -> ReplayResult:
        """Go on with the saga itself, which was interrupted: in the same saga, where it stopped.

        Steps whose end is recorded do not run again. One that was under way does if it is
        idempotent, with the same ``ctx.idempotency_key``; what a run did after its latest
        checkpoint is not known.

        Args:
            in_doubt: steps, and compensations, that were under way and are not idempotent run
                again ("retry") or count as done ("skip"): a step then has no result, and its
                compensation gets None if the run fails. None: nothing runs, and the result
                names them.
            reason: why, for the audit trail.

        Returns:
            A result whose status is ``success`` or ``failed``, or ``invalid`` if nothing ran
            because something is in doubt or the code does not fit what was recorded.

        Raises:
            SagaNotFoundError: there is no such saga.
            NotResumableError: it was not interrupted, or what was recorded does not suffice.
            ReplayInProgressError: a run of this family is alive.
            PlanChangedError: another run of this family has acted meanwhile.
            SnapshotCaptureError: the store refused to record that it goes on: nothing ran.
            ReadOnlyStoreError: the store was opened to look only.
        """
        return await resume_saga(
            self.snapshot_storage,
            self.saga_id,
            in_doubt=in_doubt,
            factory=self.saga_factory,
            by=self.initiated_by,
            reason=reason,
            tell_code=self._take_code,
        )

    def stop(self) -> bool:
        """Let the steps under way end, begin no other, and undo what was done.

        To be called from the event loop that runs the replay, or goes on with the saga. Its
        result is then ``failed``.

        Returns:
            Whether it does so; False if nothing runs, it comes to its end already, or it is run
            by another engine, which can only be cancelled.
        """
        if isinstance(self._running, SagaReplay):
            return self._running.stop()
        return isinstance(self._running, Saga) and self._running.stop_after_step()

    # -- running

    def _take_code(self, code: Saga | EngineCode) -> None:
        self._running = code

    async def _run(
        self, request: Request, call: Call, plan_digest: str | None, look: Look | None = None
    ) -> ReplayResult:
        draft = await make_plan(self.snapshot_storage, request, look)
        if draft.family is not None and draft.family.held:
            raise in_progress(draft.family)
        if plan_digest is not None:
            check_digest(plan_digest, draft.plan.digest)
        for problem in draft.plan.problems:
            if problem.code == "checkpoint_missing":
                raise SnapshotNotFoundError(problem.message)
        if not draft.plan.valid:
            return self._result(draft, "invalid")
        self._running = draft.saga
        return await run_plan(self.snapshot_storage, draft, call)

    async def _run_once(
        self, request: Request, request_id: str, call: Call, plan_digest: str | None
    ) -> ReplayResult:
        """Run it unless a call of this request id has begun it: then bring that one to its end."""
        named = (self.snapshot_storage, self.saga_id, request_id, request.from_step)
        look = await Look.at(self.snapshot_storage, self.saga_id)
        # It may be the same request, made twice at the same time, that stands in the way.
        try:
            if look.never_replayed:
                result = await self._run(request, call, plan_digest, look)
            else:
                call = replace(call, begun=await find_call(*named))
                result = await self._begin_or_go_on(request, call, plan_digest)
        except (PlanChangedError, NotResumableError):
            earlier = await earlier_result(*named)
            if earlier is None:
                raise
            return earlier
        if result.status == "invalid":
            return await earlier_result(*named) or result
        return result

    async def _begin_or_go_on(
        self, request: Request, call: Call, plan_digest: str | None
    ) -> ReplayResult:
        storage, begun = self.snapshot_storage, call.begun
        result = await result_of(storage, begun) if begun else None
        if result is not None:
            return result
        if begun is None or await storage.get_saga(begun.replay_id) is None:
            return await self._run(request, call, plan_digest)
        interrupted = SagaReplay(
            begun.replay_id,
            storage,
            saga_factory=request.factory,
            initiated_by=self.initiated_by,
        )
        self._running = interrupted
        result = await interrupted.resume(in_doubt=request.in_doubt, reason=call.reason)
        return replace(result, original_saga_id=self.saga_id)

    # -- rehearsing

    async def _rehearse(self, request: Request, plan_digest: str | None) -> ReplayResult:
        draft = await make_plan(self.snapshot_storage, request)
        if plan_digest is not None:
            check_digest(plan_digest, draft.plan.digest)
        if draft.saga is None or draft.start is None or draft.snapshot is None:
            return self._result(draft, "invalid")
        if isinstance(draft.saga, EngineCode):
            raise SagaFactoryError(
                "a replay by an engine of your own cannot be rehearsed, for only it knows what its "
                "steps do; a dry run tells from where it would go on"
            )
        started_at = utc_now()
        outcome, rehearsal, message = await rehearse(
            self.snapshot_storage,
            draft.plan,
            draft.saga,
            draft.start,
            draft.snapshot,
            rehearsal_id=f"{stem(draft.plan.root_id)}~rehearsal",
        )
        return replace(
            self._result(draft, _STATUSES[outcome.status]),
            error_message=message or error_message(rehearsal.storage, outcome),
            compensation=outcome.compensation,
            context=outcome.context,
            started_at=started_at,
            finished_at=utc_now(),
            capture_errors=outcome.capture_errors,
            rehearsal=rehearsal,
        )

    def _result(self, draft: Draft, status: ReplayStatus) -> ReplayResult:
        problems = " ".join(f"{problem.message}." for problem in draft.plan.problems)
        return ReplayResult(
            status=status,
            original_saga_id=self.saga_id,
            plan=draft.plan,
            error_message=problems or None,
            in_doubt=any(problem.code == "in_doubt" for problem in draft.plan.problems),
        )
