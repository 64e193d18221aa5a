"""Carries out ``sagaz replay batch``: looks, asks, runs or goes on, and says what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sagaz_core.errors import SagazError, UsageError
from sagaz_core.replay.batch import BatchReplay, BatchReport, BatchSelection
from sagaz_core.replay.batch.planning import preview_of
from sagaz_core.replay.overrides import Override
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.batch.override_file import read_override_file
from sagaz_tui.batch.request import read_request
from sagaz_tui.cli.batch_consent import agreed, check_can_ask
from sagaz_tui.cli.batch_events import OnEvent, telling
from sagaz_tui.cli.batch_preview import print_preview
from sagaz_tui.cli.batch_report import next_steps, print_report, report_data, went_well
from sagaz_tui.cli.batch_signals import until_stopped
from sagaz_tui.cli.exits import DONE, FAILED
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit_json
from sagaz_tui.cli.progress import tell
from sagaz_tui.cli.wish import Wish
from sagaz_tui.saga_code.loading import load_all_code
from sagaz_tui.settings import Settings, load_settings
from sagaz_tui.stores import check_existing, open_existing

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWish(Wish):
    """What ``sagaz replay batch`` is asked for."""

    selection: BatchSelection
    from_step: str | None = None
    override_file: str | None = None
    saga_overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    yes: bool = False
    concurrency: int = 16
    rate: float | None = None
    stop_after_failures: int | None = None
    canary: bool = True
    resume: str | None = None

    @property
    def asks(self) -> bool:
        """Whether a person is asked before it runs; of one to go on with, that was done."""
        return not (self.yes or self.only_looks or self.resume)


def wish_of_screen(source: str, *, reason: str | None, yes: bool) -> BatchWish:
    """Return what the screen asks for; ``source`` is a file, or ``-`` for stdin."""
    asked = read_request(sys.stdin.read() if source == "-" else Path(source).read_text("utf-8"))
    return BatchWish(
        selection=BatchSelection(saga_ids=asked.saga_ids),
        overrides=tuple(map(str, asked.overrides)),
        saga_overrides=asked.saga_overrides,
        in_doubt=asked.in_doubt,
        allow_type=asked.allow_type,
        reason=reason,
        yes=yes,
    )


def carry_out(wish: BatchWish, storage: str | None, storage_url: str | None, format: Format) -> int:
    """Do what is asked for, print what came of it, and return the exit code."""
    _check(wish)
    settings = load_settings(storage=storage, storage_url=storage_url)
    if wish.resume is None:
        wish.check(settings)
    store = open_existing(settings, read_only=wish.only_looks)
    # What the sagas' own code prints must not end up within our JSON.
    with contextlib.redirect_stdout(sys.stderr):
        batch = _batch(wish, settings, store)
        asyncio.run(check_existing(settings))
        if wish.asks and not _is_wanted(wish, settings, store, batch):
            return FAILED
        done = _carried_out(wish, store, batch)
    if done is None:
        return FAILED
    report, well = done
    _print(report, format, planned=wish.dry_run)
    return DONE if well else FAILED


def _check(wish: BatchWish) -> None:
    if wish.dry_run and wish.simulate:
        raise UsageError(
            "--dry-run only plans and --simulate walks the plans; leave one of them out"
        )
    if wish.asks:
        check_can_ask()


def _batch(wish: BatchWish, settings: Settings, store: SnapshotStorage) -> BatchReplay:
    return BatchReplay(
        store,
        wish.selection,
        from_step=wish.from_step,
        overrides=wish.wanted_overrides(),
        unset=wish.unset,
        allow_type=wish.allow_type,
        saga_overrides=(
            read_override_file(wish.override_file) if wish.override_file else wish.saga_overrides
        ),
        compensated=wish.compensated,
        in_doubt=wish.in_doubt,
        again=wish.again,
        saga_factory=load_all_code(settings, wish.factory),
        reason=wish.reason,
    )


def _in_store(store: SnapshotStorage, work: Callable[[], Awaitable[Answer]]) -> Answer:
    async def do() -> Answer:
        async with store:
            return await work()

    return asyncio.run(do())


def _is_wanted(
    wish: BatchWish, settings: Settings, store: SnapshotStorage, batch: BatchReplay
) -> bool:
    """Show on stderr what would run, and ask; where there is nothing, it is as good as run."""
    with telling("planning") as on_event:
        planned = _in_store(
            store, lambda: batch.dry_run(concurrency=wish.concurrency, on_event=on_event)
        )
    preview = preview_of(planned)
    if not preview.count:
        return True
    print_preview(preview, "text")
    if preview.runs and agreed(preview.runs, settings):
        return True
    tell("nothing was run")
    return False


def _carried_out(
    wish: BatchWish, store: SnapshotStorage, batch: BatchReplay
) -> tuple[BatchReport, bool] | None:
    """Do it and tell how it goes.

    Returns:
        The report, and whether all went well; None: it was cancelled.
    """
    with telling("planning" if wish.dry_run else "replaying") as on_event:
        try:
            done = _in_store(store, lambda: _done(wish, store, batch, on_event))
        except SagazError:
            _tell_how_to_go_on(batch)
            raise
    if done is None:
        _tell_how_to_go_on(batch)
    return done


async def _done(
    wish: BatchWish, store: SnapshotStorage, batch: BatchReplay, on_event: OnEvent
) -> tuple[BatchReport, bool] | None:
    if wish.only_looks:
        look = batch.dry_run if wish.dry_run else batch.simulate
        report = await look(concurrency=wish.concurrency, on_event=on_event)
        return report, report.status == "valid"
    how: dict[str, Any] = {
        "concurrency": wish.concurrency,
        "rate": wish.rate,
        "stop_after_failures": wish.stop_after_failures,
        "canary": wish.canary,
        "on_event": on_event,
    }
    work = batch.run(**how) if wish.resume is None else batch.resume(wish.resume, **how)
    ended = await until_stopped(batch, work)
    return None if ended is None else (ended, await went_well(store, ended))


def _tell_how_to_go_on(batch: BatchReplay) -> None:
    if batch.batch_id is not None:
        tell(f"`sagaz replay batch --resume {batch.batch_id}` goes on with what is left")


def _print(report: BatchReport, format: Format, *, planned: bool) -> None:
    if format == "json":
        emit_json(report_data(report))
    elif planned:
        print_preview(preview_of(report), format)
    else:
        print_report(report, format)
    if not report.total:
        tell("no saga matches")
    for words in next_steps(report):
        tell(words)
