"""``sagaz replay run``: plans, runs, tells how it goes, and says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import Any

from sagaz_core.errors import UsageError
from sagaz_core.model import ReplayResult
from sagaz_core.replay.overrides import Override
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.cli.exits import DONE, FAILED
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit_json
from sagaz_tui.cli.plans import masked_result, print_outcome, print_plan, result_data
from sagaz_tui.cli.progress import ReplayProgress, tell
from sagaz_tui.cli.rehearsals import print_rehearsal, rehearsal_data
from sagaz_tui.cli.stopping import cancelled_by_signal, stopped_by_signal
from sagaz_tui.cli.wish import Wish
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.settings import Settings, load_settings
from sagaz_tui.stores import check_existing, open_existing


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWish(Wish):
    """What ``sagaz replay run`` is asked for."""

    saga_id: str
    from_step: str
    force_failure: bool = False
    fail_at: str | None = None
    snapshot_id: str | None = None
    plan_digest: str | None = None
    request_id: str | None = None


def carry_out(
    wish: ReplayWish, storage: str | None, storage_url: str | None, format: Format
) -> int:
    """Do what is asked for, print what came of it, and return the exit code."""
    if wish.fail_at is not None and wish.force_failure:
        raise UsageError(
            "--fail-at names the step that fails, --force-failure means that of --from-step; "
            "leave one of them out"
        )
    settings = load_settings(storage=storage, storage_url=storage_url)
    wish.check(settings)
    overrides = wish.wanted_overrides()
    # What the saga's own code prints must not end up within our JSON.
    with contextlib.redirect_stdout(sys.stderr):
        result = asyncio.run(_in_store(wish, settings, overrides))
    if result is None:
        return FAILED
    if format == "json":
        emit_json(_data(result))
    elif result.rehearsal is not None:
        print_rehearsal(result, result.rehearsal, format)
    elif result.plan is not None and result.status in ("valid", "invalid"):
        print_plan(result.plan, format)
    else:
        print_outcome(result)
    return DONE if result.status in ("valid", "success") else FAILED


def _data(result: ReplayResult) -> dict[str, Any]:
    data = result_data(result)
    if result.rehearsal is not None:
        data["rehearsal"] = rehearsal_data(result.rehearsal)
    return data


async def _in_store(
    wish: ReplayWish, settings: Settings, overrides: tuple[Override, ...]
) -> ReplayResult | None:
    await check_existing(settings)
    async with open_existing(settings, read_only=wish.only_looks) as store:
        saga = await store.get_existing_saga(wish.saga_id)
        factory = load_code(settings, saga.saga_name, wish.factory)
        replay = SagaReplay(wish.saga_id, store, saga_factory=factory)
        result = (
            await _from_checkpoint(replay, wish, overrides)
            if wish.only_looks
            else await _followed(store, replay, wish, overrides)
        )
        return await masked_result(store, result)


async def _from_checkpoint(
    replay: SagaReplay, wish: ReplayWish, overrides: tuple[Override, ...]
) -> ReplayResult:
    return await replay.from_checkpoint(
        wish.from_step,
        overrides=overrides,
        unset=wish.unset,
        allow_type=wish.allow_type,
        dry_run=wish.dry_run,
        simulate=wish.simulate,
        force_failure=wish.fail_at or wish.force_failure,
        compensated=wish.compensated,
        in_doubt=wish.in_doubt,
        snapshot_id=wish.snapshot_id,
        reason=wish.reason,
        plan_digest=wish.plan_digest,
        again=wish.again,
        request_id=wish.request_id,
    )


async def _followed(
    store: SnapshotStorage, replay: SagaReplay, wish: ReplayWish, overrides: tuple[Override, ...]
) -> ReplayResult | None:
    """Run the replay and tell how it goes; None: it was stopped."""
    known = {entry.replay_id for entry in await store.list_replays(wish.saga_id)}
    progress = ReplayProgress(store, wish.saga_id, known)
    watching = asyncio.create_task(progress.watch())
    running = asyncio.create_task(_from_checkpoint(replay, wish, overrides))
    try:
        with cancelled_by_signal(running), stopped_by_signal(replay.stop):
            return await running
    except asyncio.CancelledError:
        tell(
            "stopped before anything ran"
            if progress.saga_id is None
            else f"{progress.saga_id} was stopped, and what it had done was undone; "
            f"`sagaz show {progress.saga_id}` tells how that went"
        )
        return None
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await progress.catch_up()
