"""Checkpoints out of a backend's entries: chains followed, values unpacked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from typing import TYPE_CHECKING, Final

from sagaz_core.compliance.sealed import SIGN
from sagaz_core.errors import CorruptEntryError, TamperedError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import EntryRow, SagaRow
from sagaz_core.storage.chain import Chain, DamagedBodyError, State, last_state
from sagaz_core.storage.codec import unpack_each
from sagaz_core.storage.meta import meta_of
from sagaz_core.storage.times import from_micros

if TYPE_CHECKING:
    from sagaz_core.storage.unsealing import Openers, StateOpener

_PAGE: Final = 128


async def read_checkpoint(
    backend: Backend, saga_id: str, sequence: int, *, openers: Openers, steps: bool = True
) -> SagaSnapshot | None:
    """Return one checkpoint of a saga; None if there is none of this number, or it is hidden.

    Without ``steps`` its lists of completed and compensated steps stay empty.
    """
    try:
        return await _read_checkpoint(backend, saga_id, sequence, openers, steps)
    except TamperedError:
        # Its secrets may have been encrypted anew between two looks.
        return await _read_checkpoint(backend, saga_id, sequence, openers, steps)


async def _read_checkpoint(
    backend: Backend, saga_id: str, sequence: int, openers: Openers, steps: bool
) -> SagaSnapshot | None:
    found = await backend.chained(saga_id, sequence)
    if found is None:
        return None
    opener = await openers(found.saga)
    if opener is not None and opener.key is not None:
        run = await backend.entries(saga_id, found.entry.keyframe, sequence, hidden=True)
        await _check(backend, opener, found.saga, run)
    try:
        state = last_state([*found.before, found.entry.body or b""])
    except DamagedBodyError as error:
        raise CorruptEntryError(
            f"checkpoint {found.entry.keyframe + error.index} of {saga_id!r}: {error}"
        ) from error
    return _snapshot(found.saga, found.entry, state, opener, steps=steps)


async def read_chain(
    backend: Backend, row: SagaRow, opener: StateOpener | None
) -> tuple[Chain, bytes | None]:
    """Return a saga's chain up to its head, ready for the next body, and its head's code."""
    chain = Chain()
    entries = await backend.entries(row.saga_id, row.keyframe, row.head, hidden=True)
    if not entries or entries[-1].seq < row.head:
        await _refuse_gap(backend, row.saga_id, row.head)
    # Or what was altered would be as it should be again, under the code of the next one.
    await _check(backend, opener, row, entries)
    for entry in entries:
        apply_entry(chain, row.saga_id, entry)
    return chain, entries[-1].mac if entries else None


async def read_some(
    backend: Backend,
    row: SagaRow,
    entries: Sequence[EntryRow],
    only: Container[int],
    openers: Openers,
) -> list[SagaSnapshot]:
    """Return some checkpoints of a saga out of its first entries, which are at hand."""
    opener = await openers(row)
    await _check(backend, opener, row, entries)
    chain = Chain()
    states = [(entry, apply_entry(chain, row.saga_id, entry)) for entry in entries]
    return [
        _snapshot(row, entry, state, opener)
        for entry, state in states
        if entry.seq in only and not entry.hidden
    ]


class ForwardReader:
    """Reads a saga's checkpoints in order, each body decoded once, going on where it stopped."""

    def __init__(self, backend: Backend, openers: Openers) -> None:
        self._backend = backend
        self._openers = openers
        self._chain = Chain()
        self._next = 0

    async def read(
        self,
        row: SagaRow,
        first: int,
        last: int,
        *,
        only: Container[int] | None = None,
        steps: bool = True,
    ) -> AsyncIterator[SagaSnapshot]:
        """Yield the checkpoints ``first`` to ``last``, or of these ``only`` some.

        The others are passed over at a fraction of the cost. ``steps`` is as for
        :func:`read_checkpoint`.
        """
        opener = await self._openers(row)
        position = max(first, 1)
        while position <= last:
            try:
                page = await self._page(row, opener, position, last)
            except TamperedError:
                # Its secrets may have been encrypted anew between two looks.
                row = await self._backend.saga(row.saga_id) or row
                opener = await self._openers(row)
                self._next = 0
                page = await self._page(row, opener, position, last)
            if not page:
                return
            for entry in page:
                state = apply_entry(self._chain, row.saga_id, entry)
                position = self._next = entry.seq + 1
                if not entry.hidden and (only is None or entry.seq in only):
                    yield _snapshot(row, entry, state, opener, steps=steps)

    async def _page(
        self, row: SagaRow, opener: StateOpener | None, position: int, last: int
    ) -> list[EntryRow]:
        """Return the next entries, checked, which the chain goes on with; none: it is gone."""
        page = await self._backend.entries(row.saga_id, position, last, hidden=True, limit=_PAGE)
        if not page:
            await _refuse_gap(self._backend, row.saga_id, last)
            return []
        if position != self._next:
            chain = await _chain_before(self._backend, row, page[0], opener)
            if chain is None:
                return []
            self._chain = chain
        await _check(self._backend, opener, row, page)
        return page


async def read_backward(
    backend: Backend, row: SagaRow, first: int, last: int, openers: Openers
) -> AsyncIterator[SagaSnapshot]:
    """Yield the checkpoints ``last`` down to ``first``, one keyframe's run at a time."""
    opener = await openers(row)
    position = last
    while position >= max(first, 1):
        try:
            run = await _run_up_to(backend, row, opener, first, position)
        except TamperedError:
            # Its secrets may have been encrypted anew between two looks.
            row = await backend.saga(row.saga_id) or row
            opener = await openers(row)
            run = await _run_up_to(backend, row, opener, first, position)
        if not run:
            return
        for entry, state in reversed(run):
            if entry.seq >= first and not entry.hidden:
                yield _snapshot(row, entry, state, opener)
        position = run[-1][0].keyframe - 1


async def _run_up_to(
    backend: Backend, row: SagaRow, opener: StateOpener | None, first: int, last: int
) -> list[tuple[EntryRow, State]]:
    """Return a checkpoint and those that it needs, checked; none: its saga is gone."""
    found = await backend.entries(
        row.saga_id, first, last, hidden=True, reverse=True, limit=1, bodies=False
    )
    if not found or found[0].seq < last:
        await _refuse_gap(backend, row.saga_id, last)
        return []
    chain = Chain()
    entries = await backend.entries(row.saga_id, found[0].keyframe, last, hidden=True)
    await _check(backend, opener, row, entries)
    return [(entry, apply_entry(chain, row.saga_id, entry)) for entry in entries]


async def _chain_before(
    backend: Backend, row: SagaRow, entry: EntryRow, opener: StateOpener | None
) -> Chain | None:
    """Return the chain that an entry follows; None: its saga has been removed meanwhile."""
    chain = Chain()
    saga_id = row.saga_id
    if entry.keyframe < entry.seq:
        before = await backend.entries(saga_id, entry.keyframe, entry.seq - 1, hidden=True)
        if len(before) < entry.seq - entry.keyframe and await backend.saga(saga_id) is None:
            return None
        await _check(backend, opener, row, before)
        for each in before:
            apply_entry(chain, saga_id, each)
    return chain


async def _refuse_gap(backend: Backend, saga_id: str, missing: int) -> None:
    """Raise an error if a checkpoint that there should be is gone, and its saga is not."""
    row = await backend.saga(saga_id)
    if row is not None and missing <= row.head:
        raise CorruptEntryError(f"checkpoint {missing} of {saga_id!r} is gone from the store")


async def _check(
    backend: Backend, opener: StateOpener | None, row: SagaRow, entries: Sequence[EntryRow]
) -> None:
    """Check the authentication codes of entries that follow each other, if the key is at hand."""
    if opener is None or opener.key is None or not entries:
        return
    from sagaz_core.storage.authentication import check_entries, check_row

    first, last = entries[0].seq, entries[-1]
    before = await backend.entries(row.saga_id, first - 1, first - 1, hidden=True, bodies=False)
    check_entries(opener.key, row.saga_id, before[0].mac if before else None, entries)
    if last.seq == row.head:
        check_row(opener.key, row, last.mac)


def apply_entry(chain: Chain, saga_id: str, entry: EntryRow) -> State:
    """Return the next state of a saga's chain; raises CorruptEntryError, which names the entry."""
    try:
        return chain.apply(entry.body or b"")
    except CorruptEntryError as error:
        raise CorruptEntryError(f"checkpoint {entry.seq} of {saga_id!r}: {error}") from error


def _holds_encrypted(state: State) -> bool:
    return any(SIGN in b"".join(side.values()) for side in (state.context, state.results))


def _snapshot(
    row: SagaRow, entry: EntryRow, state: State, opener: StateOpener | None, *, steps: bool = True
) -> SagaSnapshot:
    meta = meta_of(row.saga_id, entry)
    try:
        context = unpack_each(state.context)
        results = unpack_each(state.results)
    except ValueError as error:
        raise CorruptEntryError(
            f"checkpoint {entry.seq} of {row.saga_id!r} cannot be decoded: {error}"
        ) from error
    if opener is None and _holds_encrypted(state):
        # Somebody took the saga's key out of the store.
        from sagaz_core.storage.unsealing import without_key

        opener = without_key(row.saga_id)
    if opener is not None:
        context = opener.open_context(state.context, context)
        results = opener.open_results(state.results, results)
    return SagaSnapshot(
        saga_id=row.saga_id,
        saga_name=meta.saga_name or row.name,
        kind=entry.kind,
        status=meta.status,
        step_name=entry.step,
        step_index=meta.step_index,
        context=context,
        results=results,
        completed_steps=list(state.completed) if steps else [],
        running_steps=list(meta.running_steps),
        compensated_steps=list(state.compensated) if steps else [],
        compensation=meta.compensation,
        created_at=from_micros(entry.at),
        snapshot_id=entry.snapshot_id,
        retention_until=meta.retention_until,
        error=meta.error,
        attempts=meta.attempts,
        label=meta.label,
        step_records=meta.step_records,
        gap=meta.gap,
        sequence=entry.seq,
    )
