"""Sagas and their checkpoints in words, and as data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from sagaz_core.model import (
    CheckpointSummary,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
    StepError,
    utc_now,
)
from sagaz_core.storage.holding import Hold
from sagaz_core.storage.reader import StoreReader
from sagaz_tui.cli.hold import hold_data, hold_text
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import Listing, Row, emit, emit_facts, emit_rows
from sagaz_tui.cli.times import time_text
from sagaz_tui.showing.text import short_age, short_duration, visible_lines
from sagaz_tui.showing.values import VALUE_WIDTH, json_form, type_word, value_text

_UNDO: Final = {"none": "", "completed": "rolled back", "failed": "ROLLBACK FAILED"}


# ---------------------------------------------------------------- a list of sagas


def saga_rows(sagas: Sequence[SagaSummary]) -> Listing:
    """Return the columns of a list of sagas, and a row for each."""
    now = utc_now()
    rows: list[Row] = [
        (
            saga.saga_id,
            saga.saga_name,
            status_words(saga),
            saga.step_name or "",
            short_age((now - saga.updated_at).total_seconds()),
            str(saga.checkpoints),
            saga.error or "",
        )
        for saga in sagas
    ]
    return ("ID", "SAGA", "STATUS", "STEP", "AGE", "CHECKPOINTS", "ERROR"), rows


def status_words(saga: SagaSummary) -> str:
    """Return a saga's status, how its rollback went, and what recovered it."""
    words: list[str] = [saga.status]
    if saga.status == "failed" and _UNDO[saga.compensation]:
        words.append(_UNDO[saga.compensation])
    if saga.recovered:
        words.append(f"recovered by {saga.recovered_by}")
    return ", ".join(words)


def saga_data(saga: SagaSummary) -> dict[str, Any]:
    """Return a saga's row as data for JSON."""
    return {
        "saga_id": saga.saga_id,
        "saga_name": saga.saga_name,
        "status": saga.status,
        "compensation": saga.compensation,
        "step_name": saga.step_name,
        "error": saga.error,
        "error_group": saga.error_group,
        "started_at": saga.started_at.isoformat(),
        "updated_at": saga.updated_at.isoformat(),
        "checkpoints": saga.checkpoints,
        "root_id": saga.root_id,
        "parent_id": saga.parent_id,
        "recovered_by": saga.recovered_by,
        "code": saga.code,
    }


# ---------------------------------------------------------------- one saga


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that ``sagaz show`` tells of a saga."""

    saga: SagaSummary
    run: RunInfo
    checkpoints: list[CheckpointSummary]
    latest: SagaSnapshot | None
    set_at: Mapping[str, int]
    """For each key of the state: the checkpoint that last changed it."""
    family: list[SagaSummary]
    hold: Hold | None
    """Why the family is held; None: it is not."""


async def load_story(store: StoreReader, saga_id: str) -> Story:
    """Read a saga's story.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    saga = await store.get_existing_saga(saga_id)
    set_at: dict[str, int] = {}
    for touch in await store.list_changes(saga_id):
        set_at.setdefault(touch.key, touch.sequence)
    return Story(
        saga=saga,
        run=await store.get_run(saga_id),
        checkpoints=await store.list_checkpoints(saga_id),
        latest=await store.masked.get_latest_snapshot(saga_id),
        set_at=set_at,
        family=await store.list_family(saga.root_id),
        hold=await store.find_hold(saga_id),
    )


def print_story(story: Story, format: Format) -> None:
    """Write a saga's story as text or tables."""
    saga, run = story.saga, story.run
    interrupted = saga.status == "interrupted"
    place = " ".join(filter(None, (run.host, f"process {run.pid}" if run.pid else "")))
    emit_facts(
        [
            ("saga", f"{saga.saga_id}  {saga.saga_name}"),
            ("status", status_words(saga) + (f", at {saga.step_name}" if saga.step_name else "")),
            ("to go on", f"sagaz resume {quote(saga.saga_id)}" if interrupted else ""),
            ("error", saga.error or ""),
            ("started", time_text(saga.started_at)),
            ("took", short_duration((saga.updated_at - saga.started_at).total_seconds())),
            ("code", run.code),
            ("version", run.app_version),
            ("ran on", place),
            ("replay of", saga.parent_id or ""),
            ("tags", ", ".join(f"{name}={value}" for name, value in saga.tags.items())),
            ("kept until", time_text(saga.expires_at) if saga.expires_at else ""),
            ("held", hold_text(story.hold) if story.hold else ""),
        ]
    )
    emit()
    emit_rows(*checkpoint_rows(story.checkpoints), format, title="Checkpoints")
    _print_failure(story.checkpoints)
    if story.latest is not None:
        emit()
        title = f"Context at #{story.latest.sequence}"
        emit_rows(*state_rows(story.latest.state, story.set_at), format, title=title)
    if len(story.family) > 1:
        emit()
        emit_rows(*saga_rows(story.family), format, title="Family: the saga and its replays")


def _print_failure(checkpoints: Sequence[CheckpointSummary]) -> None:
    failures = [entry for entry in checkpoints if entry.kind == "step_failed" and entry.error]
    if not failures or failures[-1].error is None:
        return
    emit()
    emit(f"Error at #{failures[-1].sequence}")
    for line in visible_lines(failures[-1].error.traceback.rstrip()):
        # Set in, so that no line of it looks like one of ours.
        emit(f"  {line}".rstrip())


def story_data(story: Story) -> dict[str, Any]:
    """Return a saga's story as data for JSON."""
    latest = story.latest
    return {
        **saga_data(story.saga),
        "tags": dict(story.saga.tags),
        "run": {
            "code": story.run.code,
            "app_version": story.run.app_version,
            "host": story.run.host,
            "pid": story.run.pid,
            "steps": [step.name for step in story.run.steps],
        },
        "timeline": [checkpoint_data(entry) for entry in story.checkpoints],
        "context": json_form(latest.context) if latest else None,
        "results": json_form(latest.results) if latest else None,
        "family": [saga_data(member) for member in story.family],
        "hold": hold_data(story.hold) if story.hold else None,
    }


def checkpoint_rows(
    checkpoints: Iterable[CheckpointSummary],
) -> Listing:
    """Return the columns of a timeline, and a row for each checkpoint."""
    rows: list[Row] = [
        (
            f"#{entry.sequence}",
            time_text(entry.created_at),
            entry.kind,
            entry.step_name or entry.label or "",
            f"×{entry.attempts}" if entry.attempts > 1 else "",
            entry.error.headline if entry.error else _gap_words(entry.gap),
        )
        for entry in checkpoints
    ]
    return ("#", "TIME", "KIND", "STEP", "TRIES", "ERROR"), rows


def _gap_words(gap: int) -> str:
    return f"{gap} checkpoints before this one were lost" if gap else ""


def checkpoint_data(entry: CheckpointSummary) -> dict[str, Any]:
    """Return a checkpoint, without its context, as data for JSON."""
    return {
        "sequence": entry.sequence,
        "snapshot_id": entry.snapshot_id,
        "kind": entry.kind,
        "status": entry.status,
        "step_name": entry.step_name,
        "label": entry.label,
        "created_at": entry.created_at.isoformat(),
        "attempts": entry.attempts,
        "error": error_data(entry.error),
        "gap": entry.gap,
    }


def error_data(error: StepError | None) -> dict[str, str] | None:
    """Return a recorded error as data for JSON."""
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def state_rows(state: Mapping[str, Any], set_at: Mapping[str, int]) -> Listing:
    """Return the columns of a context, and a row for each key."""
    rows: list[Row] = [
        (
            key,
            type_word(value),
            f"#{set_at[key]}" if key in set_at else "",
            value_text(value, VALUE_WIDTH),
        )
        for key, value in state.items()
    ]
    return ("KEY", "TYPE", "SET AT", "VALUE"), rows
