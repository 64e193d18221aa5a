"""What a store must be able to do: the contract that every backend keeps.

A backend moves rows. It never looks into ``meta`` and ``body``, which are the codec's bytes.
``sagaz_core.testing`` checks the contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

from sagaz_core.storage.backends.rows import (
    Append,
    Chained,
    EntryRow,
    FamilyRow,
    Finding,
    Kin,
    MarkRow,
    Outcome,
    RecordRow,
    SagaPage,
    SagaQuery,
    SagaRow,
    StoreInfo,
    TouchRow,
)

_EVERYTHING: Final = 1 << 30


class Backend(ABC):
    """A place where entries are kept.

    One instance serves many tasks at once and may be used from several event loops, one after
    another. Methods raise :class:`~sagaz_core.errors.StorageError` and nothing of the driver's.
    """

    name: str = "store"
    """What the store is called in a title: ``orders.db``, ``memory``."""

    retention_limit: timedelta | None = None
    """For how long the store keeps a saga at most after its latest checkpoint; None: for ever."""

    expires_by_itself: bool = False
    """Whether it lets go of sagas whose retention has ended without being told to."""

    scrubs_by_itself: bool = False
    """Whether what :meth:`scrubbed` waits for comes to its end without anybody's doing."""

    @property
    def place(self) -> str:
        """Where the store is; two backends that reach the same store say the same."""
        return f"{type(self).__name__} {id(self)}"

    @abstractmethod
    async def open(self, *, read_only: bool) -> None:
        """Make the store usable; idempotent. Read-only never creates and never changes it."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what is held; the backend can be opened again."""

    # -- writing

    def expires_at(self, retention_until: int | None) -> int | None:
        """Return when a saga expires of which a checkpoint asks to be kept until then.

        A store that limits how long it keeps things says so here; it raises UsageError for a
        time that it cannot keep to.
        """
        return retention_until

    @abstractmethod
    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Write all of them in one durable transaction; one refusal fails none of the others.

        Within one call a saga may occur more than once; they are taken in order. Returns when
        what it says is stored is durable. A fence is checked, and the lease extended, in the
        same transaction. ``updated``, ``at`` and ``started`` are stored as given.
        """

    @abstractmethod
    async def rewrap(self, saga_id: str, wrapped_key: bytes, *, expected: bytes) -> bool:
        """Put a wrapped key in place of the expected one; whether it is there now.

        False, and nothing is changed: it is another one, or there is no such saga.
        """

    @abstractmethod
    async def replace(
        self, saga: SagaRow, entries: Sequence[EntryRow], *, expected_head: int
    ) -> bool:
        """Put other bytes in place of all that a saga holds, in one step; returns whether it did.

        ``saga`` is its row as it was read, with what shall be its ``keyframe``, ``wrapped_key``
        and ``mac``; ``entries`` are all of it in order, with what shall be their ``keyframe``,
        ``meta``, ``body`` and ``mac``. Nothing else is changed.

        False, and nothing is changed at all: the saga is not there, its head is another, its row
        has changed otherwise, or a run of its family is alive. What was replaced may be left in
        files until :meth:`scrubbed` says that it is not.
        """

    @abstractmethod
    async def hide(self, snapshot_id: str) -> bool:
        """Hide an entry; False if there is none. Its neighbours read as before."""

    async def keep(self, root: str, held: bool) -> None:  # noqa: B027 - most have nothing to do
        """Have the store let go of nothing of a family by itself, or do so again.

        As long as it is held, whatever its sagas append, no part of it expires. Once it is not,
        it expires as its rows ask for, or at once if that time has passed. What is told to be
        deleted is deleted all the same. A store that lets go of nothing by itself has nothing
        to do here.
        """

    @abstractmethod
    async def delete(self, saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        """Remove sagas with all that belongs to them; returns how many entries went.

        Their documents go too, but for those that expire later. With ``scrub`` they all do, and
        :meth:`scrubbed` tells when no trace is left.
        """

    @abstractmethod
    async def scrubbed(self) -> bool:
        """Go on to wipe out what was deleted; returns whether no byte of it is left in any file.

        That may take the whole store to be rewritten, and those who read it to let go of what
        they see: until then ask again. Asked first after the store was opened, it begins anew,
        since another process may have deleted something and not come to its end.
        """

    @abstractmethod
    async def clean(self, now: int, *, dry_run: bool = False) -> int:
        """Remove what no saga needs any more; returns how many things went, or would go.

        Documents that expire not after ``now``, unless a run is alive in the family of their
        saga; families without a saga that no run is alive in, and whatever else a crash may have
        left behind.
        """

    # -- reading

    @abstractmethod
    async def saga(self, saga_id: str) -> SagaRow | None:
        """Return a saga's row."""

    @abstractmethod
    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        """Return a page of rows, newest change first; ties by id, so that no row is missed."""

    @abstractmethod
    async def tally(
        self, query: SagaQuery, by: Literal["status", "error_group", "name"]
    ) -> dict[str, int]:
        """Count the sagas that match, by a column; empty values are left out."""

    async def ended(
        self, status: Literal["completed", "failed"], since: int, width: int, count: int
    ) -> list[int]:
        """Count the sagas that ended so, in ``count`` stretches of time from ``since`` on.

        Each is ``width`` microseconds long and does not include its end. A store may still
        count one that was resumed or removed meanwhile. Whoever has an index by time counts in
        that.
        """
        counts: list[int] = []
        for number in range(count):
            begin = since + number * width
            query = SagaQuery(
                status=(status,), updated_since=begin, updated_until=begin + width - 1
            )
            counts.append((await self.tally(query, "status")).get(status, 0))
        return counts

    @abstractmethod
    async def expired(self, now: int) -> list[str]:
        """Return the ids of the sagas that expire not after ``now``, of families at rest.

        What a run that is alive grew from is kept for as long.
        """

    @abstractmethod
    async def entries(
        self,
        saga_id: str,
        lo: int,
        hi: int,
        *,
        reverse: bool = False,
        limit: int | None = None,
        bodies: bool = True,
        hidden: bool = False,
    ) -> list[EntryRow]:
        """Return entries with ``lo <= seq <= hi`` in order; hidden ones only if asked for."""

    async def chained(self, saga_id: str, seq: int) -> Chained | None:
        """Return an entry with all that it takes to read it; None if there is none, or hidden.

        A backend that can tell it in one trip does.
        """
        saga = await self.saga(saga_id)
        found = await self.entries(saga_id, seq, seq)
        if saga is None or not found:
            return None
        keyframe = found[0].keyframe
        before = (
            await self.entries(saga_id, keyframe, seq - 1, hidden=True) if keyframe < seq else []
        )
        if len(before) < seq - keyframe and await self.saga(saga_id) is None:
            return None
        return Chained(saga, found[0], [entry.body or b"" for entry in before])

    async def kin(self, saga_id: str, *, bodies_up_to: int = 0) -> Kin | None:
        """Return everything about a saga's family but bodies; None if there is no such saga.

        The saga's own entries have their bodies if there are at most ``bodies_up_to`` of them.
        A backend that can tell it in one trip does.
        """
        saga = await self.saga(saga_id)
        if saga is None:
            return None
        family = await self.family(saga.root)
        page = await self.sagas(SagaQuery(root=saga.root), cursor=None, limit=_EVERYTHING)
        members = []
        for row in page.rows:
            bodies = row.saga_id == saga_id and row.head <= bodies_up_to
            entries = await self.entries(row.saga_id, 1, _EVERYTHING, bodies=bodies, hidden=True)
            members.append((row, entries))
        return Kin(family, members)

    @abstractmethod
    async def locate(
        self,
        saga_id: str | None,
        *,
        at: int | None = None,
        snapshot_id: str | None = None,
    ) -> tuple[str, int] | None:
        """Find an entry that is not hidden: the latest not after ``at``, or the one of this id.

        Returns its saga's id and its sequence number. With ``snapshot_id`` the saga may be None.
        """

    @abstractmethod
    async def touches(
        self, saga_id: str, *, key: str | None, lo: int, hi: int, limit: int | None = None
    ) -> list[TouchRow]:
        """Return touches with ``lo <= seq <= hi``, newest first, of one key or of all."""

    async def last_touches(self, saga_id: str, keys: Sequence[str], until: int) -> list[TouchRow]:
        """Return of each of these keys its latest touch with ``seq <= until``, if it has one."""
        found = [
            await self.touches(saga_id, key=key, lo=0, hi=until, limit=1)
            for key in dict.fromkeys(keys)
        ]
        return [touch for touches in found for touch in touches]

    async def marks(self, saga_id: str, lo: int, hi: int) -> list[MarkRow]:
        """Return of each entry with ``lo <= seq <= hi`` that is not hidden what it is, in order."""
        entries = await self.entries(saga_id, lo, hi, bodies=False)
        return [MarkRow(entry.seq, entry.kind, entry.step) for entry in entries]

    @abstractmethod
    async def tags(self, saga_id: str) -> tuple[tuple[str, str], ...]:
        """Return a saga's tags as pairs of name and value, in order; none if it is not there."""

    # -- the family's lease

    @abstractmethod
    async def family(self, root: str) -> FamilyRow | None:
        """Return a family's row; None if no run ever held its lease."""

    @abstractmethod
    async def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        """Take the lease if nobody alive holds it and the fence is ``expect_fence``.

        A family that was never held has fence 0. Taking it raises the fence by one. Returns
        whether it was taken, and the row as it is now.
        """

    @abstractmethod
    async def beat(self, root: str, *, fence: int, term: int) -> bool:
        """Extend a lease; False if it is no longer this fence's."""

    @abstractmethod
    async def release(
        self, root: str, *, fence: int, recovered_by: str | None = None, undone: bool = False
    ) -> bool:
        """Give a lease back, saying who recovered the family; False if it is another's.

        With ``undone`` nobody has recovered it any more.
        """

    # -- documents

    @abstractmethod
    async def put(self, record: RecordRow, *, expected_version: int) -> bool:
        """Store a document if its version is the expected one (0: it is new), which it raises."""

    @abstractmethod
    async def get(self, kind: str, id: str) -> RecordRow | None:
        """Return a document."""

    async def exchange(
        self, records: Sequence[RecordRow], wanted: Sequence[tuple[str, str]] = ()
    ) -> tuple[list[bool], list[RecordRow | None]]:
        """Store documents, each in place of the version before its own, and read others.

        One that is refused keeps none of the others back. Returns which were stored, and what was
        read, by kind and id. A backend that can do all of it in one trip does.
        """
        return (
            [await self.put(each, expected_version=each.version - 1) for each in records],
            [await self.get(kind, id) for kind, id in wanted],
        )

    @abstractmethod
    async def scan(
        self,
        kind: str,
        *,
        saga: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[RecordRow]:
        """Return documents of a kind, newest first, ties by id, of one saga or of all.

        With ``before``, a time and an id, only those that stand after such a one in this order:
        given the last document of a page it returns the next page.
        """

    # -- watching

    @abstractmethod
    async def wait(self, cursor: int | None, timeout: float) -> int:
        """Return when the store has changed since ``cursor`` or after ``timeout`` seconds.

        Returns the cursor to wait with next; None at first returns at once.
        """

    @abstractmethod
    async def info(self) -> StoreInfo:
        """Describe the store."""

    @abstractmethod
    async def check(self) -> list[Finding]:
        """Look at what only this kind of store can tell of itself, and change nothing.

        Its integrity and orphans, its versions, how durable it is, how near to its limits.
        """
