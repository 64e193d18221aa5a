"""What ``sagaz resume`` does: goes on with a saga, tells how it goes, and says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from typing import Any, Literal

from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.cli.exits import DONE, FAILED, say
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit_json
from sagaz_tui.cli.plans import masked_result, print_outcome, result_data
from sagaz_tui.cli.production import check_reason
from sagaz_tui.cli.progress import Progress, tell
from sagaz_tui.cli.stopping import cancelled_by_signal, stopped_by_signal
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.settings import Settings, load_settings
from sagaz_tui.stores import check_existing, open_existing

InDoubt = Literal["retry", "skip"]


def carry_out(
    saga_id: str,
    in_doubt: InDoubt | None,
    reason: str | None,
    factory: str | None,
    storage: str | None,
    storage_url: str | None,
    format: Format,
) -> int:
    """Go on with a saga, print what came of it, and return the exit code."""
    settings = load_settings(storage=storage, storage_url=storage_url)
    check_reason(settings, reason)
    # What the saga's own code prints must not end up within our JSON.
    with contextlib.redirect_stdout(sys.stderr):
        result = asyncio.run(_in_store(settings, saga_id, in_doubt, reason, factory))
    if result is None:
        return FAILED
    if format == "json":
        emit_json(result_data(result))
    elif result.status == "invalid":
        say(result.error_message or "")
    else:
        print_outcome(result)
    return DONE if result.status == "success" else FAILED


async def _in_store(
    settings: Settings,
    saga_id: str,
    in_doubt: InDoubt | None,
    reason: str | None,
    factory: str | None,
) -> ReplayResult | None:
    await check_existing(settings)
    async with open_existing(settings, read_only=False) as store:
        saga = await store.get_saga(saga_id)
        if saga is None:
            # It says what became of a replay that was named and never began.
            return await SagaReplay(saga_id, store).resume()
        made_by = load_code(settings, saga.saga_name, factory)
        replay = SagaReplay(saga_id, store, saga_factory=made_by)
        running = replay.resume(in_doubt=in_doubt, reason=reason)
        result = await _followed(store, replay, running, saga.checkpoints)
        return await masked_result(store, result)


async def _followed(
    store: SnapshotStorage,
    replay: SagaReplay,
    resuming: Coroutine[Any, Any, ReplayResult],
    checkpoints: int,
) -> ReplayResult | None:
    """Go on and tell how it goes; None: it was stopped."""
    progress = Progress(store, replay.saga_id, after=checkpoints)
    watching = asyncio.create_task(progress.watch())
    running = asyncio.create_task(resuming)
    try:
        with cancelled_by_signal(running), stopped_by_signal(replay.stop):
            return await running
    except asyncio.CancelledError:
        pass
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await progress.catch_up()
    tell(
        "stopped before anything ran"
        if progress.told == checkpoints
        else f"{replay.saga_id} was stopped, and what it had done was undone; "
        f"`sagaz show {replay.saga_id}` tells how that went"
    )
    return None
