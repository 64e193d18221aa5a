"""Examines one saga: whether its checkpoints are all there, and whether they can be decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import EntryRow, SagaRow
from sagaz_core.storage.chain import Chain
from sagaz_core.storage.codec import unpack
from sagaz_core.storage.meta import unpack_meta

_PAGE: Final = 500
_PAGE_OF_BODIES: Final = 64


@dataclass(slots=True)
class SagaFaults:
    """What is wrong with a saga, each in a few words that begin with the checkpoint's number."""

    misplaced: list[str] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    decoded: int = 0
    """Checkpoints that could be decoded."""


async def examine_saga(backend: Backend, row: SagaRow, *, whole: bool) -> SagaFaults:
    """Look at a saga's checkpoints; decode all of them if ``whole``, else its keyframes."""
    faults = SagaFaults()
    decoder = _Decoder(faults)
    expected, keyframe = 1, 0
    async for entry in _entries(backend, row, bodies=whole):
        if entry.seq != expected:
            faults.misplaced.append(f"#{expected} is missing")
        elif entry.keyframe not in (keyframe, entry.seq):
            faults.misplaced.append(f"#{entry.seq} stands on #{entry.keyframe}, not #{keyframe}")
        expected, keyframe = entry.seq + 1, entry.keyframe
        if whole:
            decoder.decode(entry)
        elif entry.keyframe == entry.seq:
            for complete in await backend.entries(row.saga_id, entry.seq, entry.seq, hidden=True):
                decoder.decode(complete)
    if expected <= row.head:
        faults.misplaced.append(f"#{expected} is missing")
    elif row.keyframe != keyframe:
        faults.misplaced.append(f"#{keyframe} is its last keyframe, not #{row.keyframe}")
    return faults


class _Decoder:
    """Decodes a saga's checkpoints one after another, and goes on after those that it cannot."""

    def __init__(self, faults: SagaFaults) -> None:
        self._faults = faults
        self._chain: Chain | None = None
        """None: the checkpoints up to the next keyframe stand on one that cannot be decoded."""
        self._known: Mapping[str, bytes] = {}

    def decode(self, entry: EntryRow) -> None:
        if entry.keyframe == entry.seq:
            self._chain, self._known = Chain(), {}
        try:
            unpack_meta(entry.meta)
            self._decode_body(entry.body or b"")
        except (CorruptEntryError, ValueError) as error:
            self._faults.undecodable.append(f"#{entry.seq}: {error}")
            self._chain = None

    def _decode_body(self, body: bytes) -> None:
        if self._chain is None:
            raise ValueError("it stands on one that cannot be decoded")
        state = self._chain.apply(body)
        values = {**state.context, **state.results}
        for key, value in values.items():
            if self._known.get(key) is not value:
                unpack(value)
        self._known = values
        self._faults.decoded += 1


async def _entries(backend: Backend, row: SagaRow, *, bodies: bool) -> AsyncIterator[EntryRow]:
    position = 1
    while position <= row.head:
        page = await backend.entries(
            row.saga_id,
            position,
            row.head,
            limit=_PAGE_OF_BODIES if bodies else _PAGE,
            bodies=bodies,
            hidden=True,
        )
        for entry in page:
            yield entry
        if not page:
            return
        position = page[-1].seq + 1
