"""Copies one saga row by row, never over anything else, and reads back all that it wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from sagaz_core.errors import UsageError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import (
    Append,
    EntryRow,
    FamilyRow,
    Outcome,
    SagaRow,
    TouchRow,
)
from sagaz_core.storage.commits import GroupCommit
from sagaz_core.storage.listing import status_of

_GOING: Final = ("executing", "compensating")
_FIRST_PAGE: Final = 16
_LONGEST_PAGE: Final = 256
_PAGE_BYTES: Final = 1 << 20
"""About how much of a saga is in memory at once."""


@dataclass(frozen=True, slots=True)
class SagaCopy:
    """What became of one saga."""

    saga_id: str
    kind: Literal["copied", "continued", "unchanged", "expired", "conflict"]
    reason: str = ""
    """Of a conflict: what differs."""
    checkpoints: int = 0
    """Written."""
    bytes: int = 0
    verified: int = 0
    """Checkpoints found equal in both stores."""
    running: bool = False
    """Whether it goes on at the source."""


class _ConflictError(Exception):
    """The target has something else; the message says what."""


class _Page(NamedTuple):
    """Some of a saga's checkpoints, and the keys that they changed."""

    entries: list[EntryRow]
    touches: list[TouchRow]

    @property
    def bytes(self) -> int:
        """How much its checkpoints take."""
        return sum(len(entry.meta) + len(entry.body or b"") for entry in self.entries)


class SagaCopier:
    """Copies sagas from one backend to another.

    Args:
        source: it is only read.
        target: where the rows go.
        commits: through which they go there.
        written: called with how many checkpoints have just been written and read back.
    """

    def __init__(
        self,
        source: Backend,
        target: Backend,
        commits: GroupCommit,
        written: Callable[[int], None],
    ) -> None:
        self._source = source
        self._target = target
        self._commits = commits
        self._written = written

    async def copy(
        self, row: SagaRow, family: FamilyRow | None, *, outlives: bool = False
    ) -> SagaCopy:
        """Copy a saga as far as its row says it is, and compare all of it.

        Args:
            row: as it is at the source.
            family: who acts, or acted last, in its family there.
            outlives: its retention has ended, and it is kept all the same: it is held.
        """
        done = SagaCopy(row.saga_id, "unchanged", running=status_of(row) in _GOING)
        try:
            tags = await self._source.tags(row.saga_id)
            there = await self._target.saga(row.saga_id)
            if there is not None:
                _check_is_earlier(there, row)
                async for page in _pages(self._source, row.saga_id, 1, there.head):
                    await self._compare(row.saga_id, page)
                    done = replace(done, verified=done.verified + len(page.entries))
            if there is None or (there.head, _state(there)) != (row.head, _state(row)):
                final = self._row_for_target(row, outlives)
                first = await self._first(row, family, tags)
                async for page in self._go_on(final, there, first):
                    done = replace(
                        done,
                        checkpoints=done.checkpoints + len(page.entries),
                        bytes=done.bytes + page.bytes,
                        verified=done.verified + len(page.entries),
                    )
                await self._check_row(row)
                done = replace(done, kind="continued" if there else "copied")
            if set(await self._target.tags(row.saga_id)) != set(tags):
                raise _ConflictError("it has other tags there")
        except _ConflictError as conflict:
            return replace(done, kind="conflict", reason=str(conflict))
        return done

    # -- writing

    async def _go_on(
        self, final: SagaRow, there: SagaRow | None, first: Append
    ) -> AsyncIterator[_Page]:
        """Write what the target lacks, and yield each page once it was read back as it is."""
        head = there.head if there else 0
        if head == final.head:
            await self._submit([Append(final, expected_head=head, entry=None)])
        async for page in _pages(self._source, final.saga_id, head + 1, final.head):
            await self._submit(_appends(final, page, first))
            await self._compare(final.saga_id, page)
            self._written(len(page.entries))
            yield page

    def _row_for_target(self, row: SagaRow, outlives: bool) -> SagaRow:
        try:
            expires = row.expires if outlives else self._target.expires_at(row.expires)
        except UsageError as error:
            raise _ConflictError(str(error)) from error
        return row._replace(expires=expires, alive=False, holder=None, recovered_by=None)

    async def _first(
        self, row: SagaRow, family: FamilyRow | None, tags: Sequence[tuple[str, str]]
    ) -> Append:
        """Return what the saga's first append carries beside its checkpoint."""
        if family is None or row.saga_id != row.root or await self._target.family(row.root):
            return Append(row, 0, None, tags=tags)
        # The family is made with its root, and its lease given back at once.
        return Append(
            row,
            0,
            None,
            tags=tags,
            fence=max(family.fence, 1),
            claim=True,
            owner=family.owner,
            release=True,
        )

    async def _submit(self, appends: Sequence[Append]) -> None:
        tickets = [self._commits.submit(append) for append in appends]
        for ticket in tickets:
            outcome = await ticket.outcome()
            if outcome.kind != "stored":
                raise _ConflictError(_refusal(outcome))

    # -- comparing

    async def _compare(self, saga_id: str, page: _Page) -> None:
        """Compare a page with the target's, and hide there what is hidden here."""
        lo, hi = page.entries[0].seq, page.entries[-1].seq
        there = await _read(self._target, saga_id, lo, hi)
        if len(there.entries) != len(page.entries):
            raise _ConflictError(f"of the checkpoints {lo} to {hi} some are missing there")
        for ours, theirs in zip(page.entries, there.entries, strict=True):
            if theirs._replace(hidden=ours.hidden) != ours:
                raise _ConflictError(f"checkpoint {ours.seq} is another one there")
            if theirs.hidden and not ours.hidden:
                raise _ConflictError(f"checkpoint {ours.seq} was deleted there")
            if ours.hidden and not theirs.hidden:
                await self._target.hide(ours.snapshot_id)
        if there.touches != page.touches:
            raise _ConflictError(f"checkpoints {lo} to {hi} changed other keys there")

    async def _check_row(self, row: SagaRow) -> None:
        """Compare what is known of the saga as a whole."""
        there = await self._target.saga(row.saga_id)
        if there is None or there.head != row.head or _state(there) != _state(row):
            raise _ConflictError("its row reads back as something else")


def is_another_saga(there: SagaRow, row: SagaRow) -> bool:
    """Whether what has a saga's id at the target is not that saga."""
    return _identity(there) != _identity(row)


def _check_is_earlier(there: SagaRow, row: SagaRow) -> None:
    """Refuse what cannot be the same saga, not further than it is at the source."""
    if is_another_saga(there, row):
        raise _ConflictError("another saga has this id there")
    if there.head > row.head:
        raise _ConflictError(f"it has {there.head} checkpoints there, {row.head} here")
    if (there.head, _state(there)) == (row.head, _state(row)):
        return
    if there.alive and there.holder == there.saga_id:
        raise _ConflictError("it is running there")
    if there.head == row.head and there.updated > row.updated:
        raise _ConflictError("it has changed there since")


def _identity(row: SagaRow) -> tuple[object, ...]:
    return row.root, row.parent, row.parent_seq, row.name, row.code, row.started


def _state(row: SagaRow) -> tuple[object, ...]:
    return (
        row.status,
        row.compensation,
        row.step,
        row.error,
        row.error_group,
        row.updated,
        row.keyframe,
        row.mac,
    )


def _appends(final: SagaRow, page: _Page, first: Append) -> list[Append]:
    """Return the appends of a page; up to its last checkpoint, the saga is one that goes on."""
    touches: dict[int, list[TouchRow]] = {}
    for touch in page.touches:
        touches.setdefault(touch.seq, []).append(touch)
    return [
        (first if entry.seq == 1 else Append(final, 0, None))._replace(
            saga=final if entry.seq == final.head else _unfinished(final, entry),
            expected_head=entry.seq - 1,
            entry=entry._replace(hidden=False),
            touches=touches.get(entry.seq, ()),
        )
        for entry in page.entries
    ]


def _unfinished(final: SagaRow, entry: EntryRow) -> SagaRow:
    return final._replace(
        head=entry.seq,
        keyframe=entry.keyframe,
        updated=entry.at,
        status="executing",
        compensation="none",
        step=entry.step,
        error=None,
        error_group=None,
        # A saga has its key from the first checkpoint on that has a code.
        wrapped_key=final.wrapped_key if entry.mac is not None else None,
        mac=None,
    )


def _refusal(outcome: Outcome) -> str:
    if outcome.kind == "duplicate":
        return "a checkpoint of it is there already, in another saga or from another copy"
    return "somebody else writes to it at the target"


async def _pages(backend: Backend, saga_id: str, first: int, last: int) -> AsyncIterator[_Page]:
    """Yield a saga's checkpoints, in pages of about :data:`_PAGE_BYTES`."""
    length = _FIRST_PAGE
    while first <= last:
        until = min(last, first + length - 1)
        page = await _read(backend, saga_id, first, until)
        numbers = [entry.seq for entry in page.entries]
        if numbers != list(range(first, until + 1)):
            missing = min(set(range(first, until + 1)) - set(numbers))
            raise _ConflictError(
                f"its checkpoint {missing} is missing at the source; `sagaz doctor` tells more"
            )
        yield page
        first = until + 1
        fitting = _PAGE_BYTES * len(page.entries) // max(page.bytes, 1)
        length = max(1, min(fitting, length * 4, _LONGEST_PAGE))


async def _read(backend: Backend, saga_id: str, first: int, last: int) -> _Page:
    entries = await backend.entries(saga_id, first, last, hidden=True)
    return _Page(entries, await backend.touches(saga_id, key=None, lo=first, hi=last))
