"""A saga's family, as far as it is known without reading any checkpoint's state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import CheckpointSummary, RunInfo, SagaSummary
from sagaz_core.storage.backends import rows
from sagaz_core.storage.backends.rows import EntryRow, FamilyRow, SagaRow
from sagaz_core.storage.listing import summary_of
from sagaz_core.storage.meta import summarize, unpack_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """One saga of a family."""

    row: SagaRow
    summary: SagaSummary
    run: RunInfo
    timeline: list[CheckpointSummary]
    entries: list[EntryRow]
    """Hidden ones too; with their bodies if these were asked for and are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """A family."""

    family: FamilyRow | None
    """Who may act, as it was before the rest was read; None: nobody ever did under a lease."""
    sagas: dict[str, Relative]
    """By id, the root first, then by start."""


def read_kin(found: rows.Kin) -> Kin:
    """Return a backend's rows in the words of the model.

    Raises:
        CorruptEntryError: an entry is gone, and with it perhaps what was undone.
    """
    for row, entries in found.members:
        _refuse_gaps(row, entries)
    members = sorted(
        found.members,
        key=lambda member: (
            member[0].saga_id != member[0].root,
            member[0].started,
            member[0].saga_id,
        ),
    )
    return Kin(
        family=found.family,
        sagas={
            row.saga_id: Relative(
                row=row,
                summary=summary_of(row),
                run=run_of(row, entries),
                timeline=[summarize(row.saga_id, entry) for entry in entries if not entry.hidden],
                entries=entries,
            )
            for row, entries in members
        },
    )


def _refuse_gaps(row: SagaRow, entries: Sequence[EntryRow]) -> None:
    if len(entries) < row.head:
        numbers = {entry.seq for entry in entries}
        missing = next(number for number in range(1, row.head + 1) if number not in numbers)
        raise CorruptEntryError(
            f"checkpoint {missing} of {row.saga_id!r} is gone from the store; `sagaz doctor` "
            "tells what else is damaged"
        )


def run_of(row: SagaRow, entries: Sequence[EntryRow]) -> RunInfo:
    """Return what the first of a saga's entries tells of its run, or what else is known."""
    try:
        run = unpack_run(entries[0].meta) if entries and entries[0].seq == 1 else None
    except CorruptEntryError as error:
        raise CorruptEntryError(f"checkpoint 1 of {row.saga_id!r}: {error}") from error
    return run or RunInfo(code=row.code)
