"""Plans and rehearses a replay apart from the screen: that loads the person's code and runs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sagaz_core.model import ReplayPlan, ReplayResult
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.settings import Settings

Answer = TypeVar("Answer")


async def make_plan(settings: Settings, request: ReplayRequest) -> ReplayPlan:
    """Return what a replay would do; the store is opened anew, read-only, and nothing runs.

    Factories and ``build()`` are other people's code: they run in a thread with a loop of its
    own, so that one that blocks stops neither the screen nor leaving it.

    Raises:
        SagazError: there is no plan to show, and why.
    """
    result = await in_thread(lambda: asyncio.run(_ask(settings, request, dry_run=True)))
    assert result.plan is not None, "a dry run always has a plan"
    return result.plan


async def rehearse(settings: Settings, request: ReplayRequest, digest: str | None) -> ReplayResult:
    """Walk a replay without its effects, as :func:`make_plan` plans it.

    With a digest, only the plan that has it is walked.

    Raises:
        SagazError: it could not be rehearsed, and why.
    """
    return await in_thread(
        lambda: asyncio.run(_ask(settings, request, simulate=True, plan_digest=digest))
    )


async def _ask(settings: Settings, request: ReplayRequest, **how: Any) -> ReplayResult:
    # Imported here: a screen that only looks needs neither the engine nor the person's code.
    from sagaz_core.replay.replay import SagaReplay
    from sagaz_tui.saga_code.loading import load_code
    from sagaz_tui.stores import open_existing

    async with open_existing(settings, read_only=True) as storage:
        saga = await storage.get_existing_saga(request.saga_id)
        factory = load_code(settings, saga.saga_name, None)
        replay = SagaReplay(request.saga_id, storage, saga_factory=factory)
        return await replay.from_checkpoint(
            request.from_step,
            overrides=request.overrides,
            allow_type=request.allow_type,
            compensated=request.compensated,
            in_doubt=request.in_doubt,
            again=request.again,
            snapshot_id=request.snapshot_id,
            **how,
        )


async def in_thread(function: Callable[[], Answer]) -> Answer:
    """Run a function in a thread that does not hold the program back when it ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def settle(result: Answer | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, failure = None, None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed over to who waits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:
            return  # the screen was left meanwhile

    threading.Thread(target=work, name="sagaz-planning", daemon=True).start()
    return await answer
