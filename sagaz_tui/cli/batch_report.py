"""What became of a batch and what to do next, in words and as data for JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

from sagaz_core.replay.batch import BatchItem, BatchReport
from sagaz_core.replay.batch.items import State
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.cli.batch_events import item_data
from sagaz_tui.cli.batch_preview import planned_data
from sagaz_tui.cli.batch_reasons import print_reasons
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit_facts
from sagaz_tui.showing.text import short_duration

_OUTCOMES: Final = {
    "completed": "completed",
    "stopped": "STOPPED",
    "valid": "all would succeed",
    "invalid": "NOT all would succeed",
}
_NAMED: Final[frozenset[State]] = frozenset({"in_doubt", "failed", "skipped"})


def print_report(report: BatchReport, format: Format) -> None:
    """Write what became of a batch: how many of each, the errors, and those that need a look."""
    emit_facts(
        [
            ("batch", report.batch_id or ""),
            ("outcome", _OUTCOMES[report.status]),
            ("because", report.stopped_because or ""),
            ("sagas", str(report.total)),
            ("succeeded", _some(report.succeeded)),
            ("failed", _some(report.failed)),
            ("in doubt", _some(report.in_doubt)),
            ("skipped", _some(report.skipped)),
            ("left", _some(report.left)),
            ("took", short_duration((report.finished_at - report.started_at).total_seconds())),
        ]
    )
    print_reasons([item for item in report.items if item.state in _NAMED], format)


def _some(count: int) -> str:
    return str(count) if count else ""


async def went_well(store: SnapshotStorage, report: BatchReport) -> bool:
    """Whether every saga of a batch has been brought to success, by it or by another replay."""
    if report.left or report.failed or report.in_doubt:
        return False
    for item in report.items:
        if item.state == "skipped":
            saga = await store.get_saga(item.saga_id)
            if saga is None or saga.recovered_by is None:
                return False
    return True


def next_steps(report: BatchReport) -> Iterator[str]:
    """Yield what a person can do about what is left, in doubt or failed."""
    if report.batch_id is None:
        return
    resume = f"sagaz replay batch --resume {report.batch_id}"
    if report.left:
        yield f"{report.left} are left; `{resume}` goes on with them"
    if report.in_doubt:
        yield (
            f"{report.in_doubt} are in doubt: find out whether the step took effect, then "
            f"`{resume} --in-doubt retry` (or skip){_one_by_one(report)}"
        )
    if report.failed:
        shown = _first(report, "failed")
        command = f"`sagaz show {shlex.quote(shown)}` tells of one; " if shown else ""
        yield f"{report.failed} failed again; {command}a new batch takes them once more"


def _one_by_one(report: BatchReport) -> str:
    shown = _first(report, "in_doubt")
    return f", or one by one, `sagaz resume {shlex.quote(shown)} --in-doubt retry`" if shown else ""


def _first(report: BatchReport, state: State) -> str | None:
    """The replay of the first saga in that state."""
    return next((item.new_saga_id for item in report.items if item.state == state), None)


def report_data(report: BatchReport) -> dict[str, Any]:
    """Return what became of a batch, with every saga of it, as data for JSON."""
    return {
        "batch_id": report.batch_id,
        "status": report.status,
        "stopped_because": report.stopped_because,
        "total": report.total,
        "succeeded": report.succeeded,
        "failed": report.failed,
        "in_doubt": report.in_doubt,
        "skipped": report.skipped,
        "left": report.left,
        "failed_by_error": dict(report.failed_by_error),
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "items": [_data(item) for item in report.items],
    }


def _data(item: BatchItem) -> dict[str, Any]:
    return planned_data(item) if item.plan else item_data(item)
