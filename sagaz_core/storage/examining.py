"""Examines a store as a whole, whatever its kind, and says in words what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from sagaz_core.errors import StorageError
from sagaz_core.model import utc_now
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import Finding, SagaQuery, SagaRow
from sagaz_core.storage.examining_saga import examine_saga
from sagaz_core.storage.listing import status_of
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.walking import every_saga

_SAMPLE: Final = 100
"""Sagas of which every checkpoint is decoded in any case: those that changed last."""
_NAMED: Final = 5
_LONGEST_LEASE: Final = 3600 * 1_000_000
"""Microseconds; nobody holds a lease for longer without saying so again."""

_RESTORE: Final = (
    "`sagaz show ID` shows what is left; bring them back with `sagaz copy` from a copy of the "
    "store that is sound, or upgrade sagaz if a newer one wrote them"
)


async def examine_store(
    storage: StoreReader,
    *,
    deep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Look at all of a store for what is wrong or may go wrong; nothing is changed.

    What only its kind can tell comes first: the soundness of a file, the settings of a server.
    Then who can open the file of its keys. Then, of every saga: whether its checkpoints are all
    there, and its keyframes can be decoded; of those that changed last, every checkpoint.

    Args:
        storage: the store; opened if it is not.
        deep: decode every checkpoint of every saga.
        progress: called with how many sagas have been looked at, and of how many.

    Raises:
        StorageError: it cannot be opened.
    """
    await storage.open()
    examination = _Examination(storage.backend, deep, progress)
    findings = await storage.backend.check()
    if storage.compliance is not None:
        from sagaz_core.storage.examining_keys import examine_keys

        findings += examine_keys(storage.compliance)
    try:
        await examination.run()
    except StorageError as error:
        broken = Finding(
            "error", f"reading its sagas broke off: {error}", "see to that, then look again"
        )
        return [*findings, broken, *examination.findings()]
    return [*findings, *examination.findings()]


@dataclass(slots=True)
class _Some:
    """How many there are of something, and the first few by name."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < _NAMED:
            self.names.append(name)

    def finding(
        self, level: Literal["warning", "error"], what: str, advice: str, *, ok: str
    ) -> Finding:
        """Return what to say of them, or ``ok`` if there are none."""
        if not self.count:
            return Finding("ok", ok)
        more = ", …" if self.count > len(self.names) else ""
        return Finding(level, f"{self.count} {what}: {', '.join(self.names)}{more}", advice)


class _Examination:
    def __init__(
        self, backend: Backend, deep: bool, progress: Callable[[int, int], None] | None
    ) -> None:
        self._backend = backend
        self._deep = deep
        self._progress = progress
        self._sagas = self._decoded = 0
        self._misplaced, self._undecodable = _Some(), _Some()
        self._interrupted, self._held, self._expired = _Some(), _Some(), _Some()

    async def run(self) -> None:
        """Look at every saga."""
        total = sum((await self._backend.tally(SagaQuery(), "status")).values())
        async for row in every_saga(self._backend, SagaQuery()):
            await self._look(row)
            self._sagas += 1
            if self._progress is not None:
                self._progress(self._sagas, max(self._sagas, total))
        for saga_id in await self._backend.expired(to_micros(utc_now())):
            self._expired.add(saga_id)

    async def _look(self, row: SagaRow) -> None:
        whole = self._deep or self._sagas < _SAMPLE
        faults = await examine_saga(self._backend, row, whole=whole)
        self._decoded += faults.decoded
        # One that was pruned meanwhile has lost its checkpoints rightly.
        if (faults.misplaced or faults.undecodable) and await self._backend.saga(row.saga_id):
            if faults.misplaced:
                self._misplaced.add(f"{row.saga_id} {faults.misplaced[0]}")
            if faults.undecodable:
                self._undecodable.add(f"{row.saga_id} {faults.undecodable[0]}")
        if status_of(row) == "interrupted":
            self._interrupted.add(row.saga_id)
        if row.alive and row.holder == row.saga_id and await self._is_stuck(row):
            self._held.add(row.root)

    async def _is_stuck(self, row: SagaRow) -> bool:
        """Whether a lease is held by a run that has ended, or for longer than any run asks."""
        family = await self._backend.family(row.root)
        if family is None or not family.held or family.holder != row.saga_id:
            return False
        held_for = (family.alive_until or 0) - family.now
        return row.status in ("completed", "failed") or held_for > _LONGEST_LEASE

    def findings(self) -> list[Finding]:
        """Tell what was found."""
        decoded = "all there are" if self._deep else "every keyframe, and all of the last sagas"
        return [
            self._misplaced.finding(
                "error",
                "sagas whose checkpoints are not all where they belong",
                _RESTORE,
                ok=f"of {self._sagas} sagas all checkpoints are where they belong",
            ),
            self._undecodable.finding(
                "error",
                "sagas with checkpoints that cannot be decoded",
                _RESTORE,
                ok=f"{self._decoded} checkpoints can be decoded: {decoded}",
            ),
            self._interrupted.finding(
                "warning",
                "sagas that were interrupted, since their process died",
                "`sagaz sagas --status interrupted` lists them; replay each from where it stopped",
                ok="no saga was interrupted",
            ),
            self._held.finding(
                "warning",
                "families whose lease is stuck, so that nobody can replay in them",
                "it lapses by itself; if that takes too long, see whether the clocks are right",
                ok="no lease is stuck",
            ),
            self._expired.finding(
                "warning",
                "sagas whose retention has ended",
                "`sagaz prune` removes them",
                ok="no saga is kept for longer than it should",
            ),
        ]
