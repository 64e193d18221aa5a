"""The class to subclass: a saga's steps, and running them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sagaz_core.config import RECORDING_BY_DEFAULT, Backoff, ReplayConfig, SagaConfig
from sagaz_core.errors import SagaDefinitionError, UsageError
from sagaz_core.model import RunInfo, SagaResult, new_id
from sagaz_core.process import host_name
from sagaz_core.saga.context import check_key
from sagaz_core.saga.copying import copy_mapping
from sagaz_core.saga.graph import check_steps, is_graph
from sagaz_core.saga.origin import Origin, RecordedAs
from sagaz_core.saga.recording import Recording
from sagaz_core.saga.registry import code_of, register
from sagaz_core.saga.resumed_run import ResumedRun, Resumption
from sagaz_core.saga.run import Run
from sagaz_core.saga.start import StartPoint
from sagaz_core.saga.step import Action, CompensationAction, Simulation, Step
from sagaz_core.saga.step_arguments import step_backoff, step_names
from sagaz_core.storage.listing import check_saga_id, check_tags

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_State = Literal["new", "building", "built"]


class Saga:
    """A sequence or graph of steps that all happen, or are undone.

    Subclass it, add steps in :meth:`build`, and await :meth:`execute`::

        class OrderSaga(Saga):
            async def build(self) -> None:
                await self.add_step("reserve", self.reserve, self.release)
                await self.add_step("charge", self.charge, self.refund)

        result = await OrderSaga({"order_id": "123"}, snapshot_storage=storage).execute()
    """

    context_model: ClassVar[type[Any] | None] = None
    """A pydantic model that the context of a replay must satisfy."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls)

    def __init__(
        self,
        context: Mapping[str, Any] | None = None,
        *,
        saga_id: str | None = None,
        config: SagaConfig | None = None,
        snapshot_storage: SnapshotStorage | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a saga; nothing runs and nothing is written yet.

        Args:
            context: the data to begin with; copied.
            saga_id: one is made up if None.
            config: None: with a storage given, every step is recorded and kept for 30 days.
            snapshot_storage: where the run is recorded.
            tags: words to find the saga by.

        Raises:
            UsageError: the context is no mapping, one of its keys or a tag is no text, or the
                retention asked for is longer than the store's.
            InvalidSagaIdError: the id is not usable as one.
        """
        given: object = context
        if given is not None and not isinstance(given, Mapping):
            raise UsageError(f"a saga's context must be a mapping, not {type(given).__name__}")
        for key in context or ():
            check_key(key)
        self.saga_id = new_id() if saga_id is None else check_saga_id(saga_id)
        self.config = config or SagaConfig()
        self.snapshot_storage = snapshot_storage
        self.tags = dict(check_tags(tags or {}))
        self.__replay_config()
        self.__context = copy_mapping(context or {})
        self.__steps: list[Step] = []
        self.__state: _State = "new"
        self.__begun = False
        self.__run: Run | None = None

    @property
    def saga_name(self) -> str:
        """The name under which its runs are recorded: the class's."""
        return type(self).__name__

    @property
    def context(self) -> dict[str, Any]:
        """A copy of the context the saga was made with."""
        return copy_mapping(self.__context)

    async def build(self) -> None:
        """Add the saga's steps, each with ``await self.add_step(...)``."""

    async def add_step(
        self,
        name: str,
        action: Action,
        compensation: CompensationAction | None = None,
        *,
        depends_on: Sequence[str] | None = None,
        max_retries: int = 0,
        retry_backoff: Backoff | float | None = None,
        timeout: float | None = None,
        idempotent: bool = False,
        simulate: Simulation | None = None,
        compensate_on_timeout: bool = False,
    ) -> None:
        """Add a step.

        Args:
            name: unlike every other step's, and no key of the context.
            action: ``action(ctx)``, async, or plain and then run in a thread. What it returns,
                unless None, is the step's result, read by later steps as ``ctx[name]``.
            compensation: ``compensation(result, ctx)``, which undoes it; called once, and only
                if the action has succeeded.
            depends_on: the steps that must be complete first. Once any step says this, those
                without it start at once; if none does, steps run in the order added.
            max_retries: how often a failed action is tried again.
            retry_backoff: the waits between tries; a number is the first wait in seconds.
            timeout: the most seconds one try may take. A step out of time is in doubt: it is
                not compensated.
            idempotent: whether doing it twice, with the same ``ctx.idempotency_key``, does no
                harm, so that it may run again after a crash.
            simulate: what a rehearsal calls in place of the action.
            compensate_on_timeout: compensate the step, with the result None, when it timed out.

        Raises:
            SagaDefinitionError: an argument is not what it must be, or the saga runs already.
        """
        if self.__state == "built":
            raise SagaDefinitionError(
                f"step {name!r} comes too late: add all steps in build(), before the saga runs"
            )
        self.__steps.append(
            Step(
                name=name,
                action=action,
                compensation=compensation,
                depends_on=step_names(name, depends_on),
                max_retries=max_retries,
                retry_backoff=step_backoff(name, retry_backoff),
                timeout=timeout,
                idempotent=idempotent,
                simulate=simulate,
                compensate_on_timeout=compensate_on_timeout,
            )
        )

    async def prepare(self) -> tuple[Step, ...]:
        """Build the saga, once, and return its steps; calls no action.

        Raises:
            SagaDefinitionError: the steps do not fit together.
        """
        if "_Saga__state" not in self.__dict__:
            raise SagaDefinitionError(
                f"{type(self).__name__}.__init__ must call super().__init__(context, ...)"
            )
        if self.__state == "building":
            raise SagaDefinitionError(f"saga {self.saga_id!r} is being built by another task")
        if self.__state == "new":
            added = len(self.__steps)
            self.__state = "building"
            try:
                await self.build()
                check_steps(self.__steps, self.__context.keys())
            except BaseException:
                del self.__steps[added:]
                self.__state = "new"
                raise
            self.__state = "built"
        return tuple(self.__steps)

    async def execute(self) -> SagaResult:
        """Run the saga to its end; a step that fails makes a result, not an exception.

        Raises:
            SagaDefinitionError: the steps do not fit together, or the saga has run before.
            UsageError: it shall be recorded, and there is no storage.
            ReadOnlyStoreError: it shall be recorded, into a storage opened to look only.
            asyncio.CancelledError: the task was cancelled; what was done has been undone.
        """
        with self.__once():
            steps = await self.prepare()
            recording = self.__recording(steps)
        return await self.__to_the_end(Run(self.saga_id, steps, self.context, recording))

    async def execute_from(
        self,
        start: StartPoint,
        recorded_as: RecordedAs,
        *,
        stand_in: Callable[[Step], Step] | None = None,
    ) -> SagaResult:
        """Run the saga from the middle, as a replay; otherwise as :meth:`execute`.

        The saga becomes the one that it is recorded as. What ``stand_in`` returns for a step
        runs in its place, and is recorded as that step.

        Raises:
            SagaDefinitionError: as :meth:`execute`; or ``start`` names a step there is not.
        """
        steps, recording = await self.__become(start, recorded_as)
        performed = steps if stand_in is None else tuple(map(stand_in, steps))
        run = Run(self.saga_id, performed, copy_mapping(start.context), recording, start)
        return await self.__to_the_end(run)

    async def execute_resumed(self, resumption: Resumption, recorded_as: RecordedAs) -> SagaResult:
        """Go on with a recorded run; otherwise as :meth:`execute`.

        Raises:
            SagaDefinitionError: as :meth:`execute`; or a step is named that there is not.
            RunRefusedError: another run has taken over: nothing has run.
            SnapshotCaptureError: that it goes on could not be recorded: nothing has run.
        """
        steps, recording = await self.__become(resumption.start, recorded_as)
        return await self.__to_the_end(ResumedRun(self.saga_id, steps, recording, resumption))

    async def checkpoint(self, label: str | None = None) -> bool:
        """Record the saga's state now, under any strategy; for use while it runs.

        Called within an action it records the context as that action sees it.

        Returns:
            Whether a checkpoint was taken; False if the saga is not recorded.

        Raises:
            UsageError: the saga does not run.
        """
        if self.__run is None:
            raise UsageError(
                f"saga {self.saga_id!r} does not run; call checkpoint() from an action or a "
                "compensation, while execute() is under way"
            )
        return await self.__run.checkpoint(label)

    def stop_after_step(self) -> bool:
        """Let the steps under way end, begin no other, and undo what was done: the run fails.

        Returns:
            Whether it does so; False if the saga does not run, or comes to its end already.
        """
        return self.__run is not None and self.__run.stop()

    @contextmanager
    def __once(self) -> Iterator[None]:
        """Let one caller through, ever, unless what it does inside raises."""
        if self.__dict__.get("_Saga__begun"):
            raise SagaDefinitionError(
                f"saga {self.saga_id!r} has run already; make a new {self.saga_name} to run again"
            )
        self.__begun = True
        try:
            yield
        except BaseException:
            self.__begun = False
            raise

    async def __become(
        self, start: StartPoint, recorded_as: RecordedAs
    ) -> tuple[tuple[Step, ...], Recording | None]:
        """Become the saga that this one is recorded as; returns its steps and what records it."""
        with self.__once():
            steps = await self.prepare()
            check_steps(steps, start.context.keys())
            self.__check_start(start, steps)
            self.saga_id = recorded_as.saga_id
            self.snapshot_storage = recorded_as.storage
            self.config = recorded_as.config
            return steps, self.__recording(steps, start, recorded_as.origin)

    def __check_start(self, start: StartPoint, steps: Sequence[Step]) -> None:
        names = {step.name for step in steps}
        for name in (*start.complete, *start.redo, start.from_step):
            if name is not None and name not in names:
                raise SagaDefinitionError(
                    f"step {name!r} of the run is no step of {self.saga_name}; "
                    "use the code that was recorded, or another start"
                )

    async def __to_the_end(self, run: Run) -> SagaResult:
        self.__run = run
        try:
            return await run.execute()
        finally:
            self.__run = None

    def __recording(
        self,
        steps: Sequence[Step],
        start: StartPoint | None = None,
        origin: Origin | None = None,
    ) -> Recording | None:
        config = self.__replay_config()
        if config is None:
            return None
        if self.snapshot_storage is None:
            raise UsageError(
                "the configuration enables snapshots, but the saga has no snapshot_storage; "
                "give it one, or leave enable_snapshots off"
            )
        return Recording(
            self.snapshot_storage,
            saga_id=self.saga_id,
            saga_name=self.saga_name,
            config=config,
            run=RunInfo(
                code=code_of(type(self)),
                app_version=self.config.app_version,
                host=host_name(),
                pid=os.getpid(),
                steps=tuple(step.info for step in steps),
                origins=dict(start.origins) if start else {},
                kept=start.kept if start else (),
                strategy=config.snapshot_strategy,
            ),
            tags=self.tags,
            origin=origin,
            every_step_end=is_graph(steps),
            told_of_changes=True,
        )

    def __replay_config(self) -> ReplayConfig | None:
        storage, config = self.snapshot_storage, self.config.replay_config
        limit = None if storage is None else storage.backend.retention_limit
        if config is None:
            if storage is None:
                return None
            # A store that says itself how long it keeps things is taken at its word.
            return (
                replace(RECORDING_BY_DEFAULT, retention_days=None)
                if limit
                else RECORDING_BY_DEFAULT
            )
        if not config.enable_snapshots:
            return None
        days = config.retention_days
        if limit is not None and days is not None and timedelta(days=days) > limit:
            raise UsageError(
                f"retention_days is {days:g}, but the store keeps nothing longer than "
                f"{limit / timedelta(days=1):g} days (its default_ttl); lower the one, or raise "
                "the other"
            )
        return config
