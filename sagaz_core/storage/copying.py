"""Copies sagas from one store to another, whole families at a time, and proves that it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sagaz_core.errors import UsageError
from sagaz_core.model import utc_now
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.commits import GroupCommit
from sagaz_core.storage.copying_documents import BatchCopier, DocumentCopier
from sagaz_core.storage.copying_family import FamilyCopier, FamilyCopy
from sagaz_core.storage.copying_store import copy_store_secrets, copy_tombstones
from sagaz_core.storage.listing import saga_query
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.walking import every_saga

_AT_ONCE: Final = 16
"""Families copied at the same time, which share the target's commits."""


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """How far a copy is: sagas looked after, of about how many, and checkpoints written."""

    done: int
    total: int
    checkpoints: int


@dataclass(frozen=True, slots=True)
class CopyConflict:
    """A saga, a replay or a batch that was left as it is at the target, and why."""

    saga_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What a copy did. Every saga in it is at the target now, but for the conflicts."""

    sagas: int = 0
    """Sagas looked after: those that matched and the rest of their families."""
    copied: int = 0
    continued: int = 0
    """Sagas of which the target had the beginning."""
    unchanged: int = 0
    expired: int = 0
    """Sagas left out, because their retention has ended."""
    checkpoints: int = 0
    """Checkpoints written."""
    bytes: int = 0
    """Of those checkpoints, as stored."""
    documents: int = 0
    """Lines of the replay log, and journals of batches, written."""
    holds: int = 0
    """Families that are held at the target now, as they are at the source."""
    tombstones: int = 0
    """Families that were forgotten at the source, of which the target says so too now."""
    verified: int = 0
    """Checkpoints read back from the target and found equal, those it had before included."""
    trails_verifiable: bool = True
    """Whether who has the keys can verify the audit trails at the target as at the source. It
    cannot be done where the target has keys of its own for them."""
    running: tuple[str, ...] = ()
    """Sagas that go on at the source: copied as far as they were; copy again for the rest."""
    conflicts: tuple[CopyConflict, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing was left out against the caller's will."""
        return not self.conflicts


async def copy_sagas(
    source: StoreReader,
    target: SnapshotStorage,
    *,
    progress: Callable[[CopyProgress], None] | None = None,
    journals: bool = True,
    **filters: Any,
) -> CopyReport:
    """Copy the sagas that match, with their families, and read every checkpoint back.

    It may be repeated: what the target has already is compared and left as it is, what is
    missing is added. Nothing at the target is overwritten: a saga that is something else
    there is a conflict, and the others are still copied.

    Args:
        source: where from; it is only read, and may be in use.
        target: where to; it is made if it is not there.
        progress: called as it goes on, in the event loop.
        journals: copy the journals of the batches too that replayed them, and the store's own
            keys for fingerprints and audit trails, if the target has none.
        filters: those of :meth:`StoreReader.list_sagas`. Without any, the target is told as well
            which families were forgotten.

    Raises:
        UsageError: source and target are the same store, or a filter is not what it must be.
        StorageError: one of the stores failed; what has been copied stays, and a repeated copy
            goes on from there.
    """
    query = saga_query(**filters)
    if source.backend is target.backend or source.backend.place == target.backend.place:
        raise UsageError(f"{source.name} cannot be copied into itself; name another target")
    await source.open()
    copy = _Copy(source.backend, await target._writable(), query, progress)
    return await copy.run(journals=journals)


class _Copy:
    def __init__(
        self,
        source: Backend,
        target: Backend,
        query: SagaQuery,
        progress: Callable[[CopyProgress], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._query = query
        self._progress = progress
        now = to_micros(utc_now())
        documents = DocumentCopier(target, now)
        self._batches = BatchCopier(source, documents)
        self._families = FamilyCopier(
            source, target, GroupCommit(target), documents, now, self._wrote
        )
        self._total = self._written = 0
        self._report = CopyReport()
        self._large: set[str] = set()
        """Roots of families of several sagas, each of which may come up."""

    async def run(self, *, journals: bool) -> CopyReport:
        self._total = sum((await self._source.tally(self._query, "status")).values())
        self._tell()
        if journals:
            await self._batches.open()
            verifiable = await copy_store_secrets(self._source, self._target)
            self._report = replace(self._report, trails_verifiable=verifiable)
        roots: dict[str, None] = {}
        async for row in every_saga(self._source, self._query):
            if row.root not in self._large:
                roots[row.root] = None
            if len(roots) == _AT_ONCE:
                await self._copy_all(roots)
                roots.clear()
        await self._copy_all(roots)
        written, conflicts = await self._batches.copy()
        tombstones = 0
        if journals and self._query == SagaQuery():
            tombstones, still_there = await copy_tombstones(self._source, self._target)
            conflicts += still_there
        return replace(
            self._report,
            documents=self._report.documents + written,
            tombstones=tombstones,
            conflicts=(*self._report.conflicts, *(CopyConflict(*each) for each in conflicts)),
        )

    async def _copy_all(self, roots: Iterable[str]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for root in roots:
                    group.create_task(self._copy_family(root))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _copy_family(self, root: str) -> None:
        done = await self._families.copy(root)
        if len(done.sagas) > 1:
            self._large.add(root)
        if any(saga.kind != "expired" for saga in done.sagas):
            self._batches.want([root])
        self._report = _add(self._report, done)
        self._tell()

    def _wrote(self, checkpoints: int) -> None:
        self._written += checkpoints
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            done = self._report.sagas
            self._progress(CopyProgress(done, max(done, self._total), self._written))


def _add(report: CopyReport, family: FamilyCopy) -> CopyReport:
    def count(kind: str) -> int:
        return sum(saga.kind == kind for saga in family.sagas)

    return replace(
        report,
        sagas=report.sagas + len(family.sagas),
        copied=report.copied + count("copied"),
        continued=report.continued + count("continued"),
        unchanged=report.unchanged + count("unchanged"),
        expired=report.expired + count("expired"),
        checkpoints=report.checkpoints + sum(saga.checkpoints for saga in family.sagas),
        bytes=report.bytes + sum(saga.bytes for saga in family.sagas),
        documents=report.documents + family.documents,
        holds=report.holds + family.held,
        verified=report.verified + sum(saga.verified for saga in family.sagas),
        running=(*report.running, *(saga.saga_id for saga in family.sagas if saga.running)),
        conflicts=(
            *report.conflicts,
            *(CopyConflict(saga_id, reason) for saga_id, reason in family.conflicts),
        ),
    )
