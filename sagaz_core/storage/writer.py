"""One saga's writer: encodes what is next, and knows what became of what was before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sagaz_core.errors import (
    DecryptionError,
    DuplicateSnapshotError,
    HeadConflictError,
    LeaseLostError,
    StorageError,
)
from sagaz_core.model import Compensation, RunInfo, SagaSnapshot, Status
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import Append, EntryRow, Outcome, SagaRow, TouchRow
from sagaz_core.storage.capture import Capture
from sagaz_core.storage.capture import capture as capture_snapshot
from sagaz_core.storage.chain import Chain, Link
from sagaz_core.storage.commits import GroupCommit, Ticket
from sagaz_core.storage.decoding import read_chain, read_checkpoint
from sagaz_core.storage.drafting import Position, draft
from sagaz_core.storage.lease import term_in_micros
from sagaz_core.storage.saga_rows import SagaIdentity
from sagaz_core.storage.times import now_micros

if TYPE_CHECKING:
    from sagaz_core.storage.protection import Protection
    from sagaz_core.storage.saga_secrets import SagaSecrets
    from sagaz_core.storage.striking import Striker
    from sagaz_core.storage.unsealing import StateOpener


class SagaWriter:
    """Appends checkpoints to one saga. Made by :meth:`SnapshotStorage.writer`.

    It takes one append at a time. One that is cancelled may still be stored; the next append
    first learns whether it was.
    """

    def __init__(
        self,
        backend: Backend,
        commits: GroupCommit,
        identity: SagaIdentity,
        *,
        fence: int | None,
        claim: bool,
        owner: str,
        term: float,
        new_ids: bool,
        protection: Protection | None,
        is_open: Callable[[], bool],
        open_store: Callable[[], Awaitable[Backend]],
    ) -> None:
        self.saga_id = identity.saga_id
        self.fence = 1 if claim and fence is None else fence
        self._backend = backend
        self._commits = commits
        self._identity = identity
        self._claim = claim
        self._owner = owner
        self._term = term_in_micros(term)
        self._new_ids = new_ids
        self._protection = protection
        self._secrets: SagaSecrets | None = None
        self._is_open = is_open
        self._open_store = open_store
        self._lock = asyncio.Lock()
        self._chain = Chain()
        self._code: bytes | None = None
        """The authentication code of the latest entry."""
        self._row: SagaRow | None = None
        # A saga is taken for new until the store says otherwise, which saves asking.
        self._head_known = True
        self._in_flight: tuple[Ticket, Link | None] | None = None
        self._unsure: set[str] = set()
        """Ids of snapshots that were handed in and not heard to be stored, but may be."""

    @property
    def head(self) -> int:
        """The number of the latest checkpoint this writer knows of; 0: none."""
        return self._row.head if self._row else 0

    @property
    def striker(self) -> Striker | None:
        """What takes the saga's secrets out of texts; None: it has none."""
        if self._protection is None:
            return None
        from sagaz_core.storage.striking import striker_of

        return striker_of(self._protection, self.saga_id)

    async def append(
        self,
        capture: Capture,
        *,
        causes: Mapping[str, str | None] = {},
        run: RunInfo | None = None,
        release: bool = False,
        undoes: bool = False,
    ) -> int:
        """Store a checkpoint and return its number, once it is durable.

        The same snapshot again, after an outcome that was not known, returns the number it has.

        Args:
            capture: the checkpoint.
            causes: for keys that changed, the step that changed them. A key that is not in it
                is put down to the step the checkpoint itself points to.
            run: what is known of the run, with its first checkpoint.
            release: the run has ended: give its lease back.
            undoes: it undoes what another run of its family has done, which nobody has
                recovered any more.

        Raises:
            LeaseLostError: another run has taken the family over.
            HeadConflictError: somebody else wrote to this saga.
            DuplicateSnapshotError: another snapshot has this id.
            DecryptionError: the saga's secrets are encrypted, and its key is not at hand.
            StorageUnavailableError: it could not be written; whether it was is found out by
                the next append.
        """
        if not self._is_open():
            await self._open_store()
        async with self._lock:
            if self._in_flight is not None or not self._head_known:
                await self._settle()
            taken_for_new, head = self._row is None, self.head
            await self._have_secrets()
            outcome = await self._submit(*self._draft(capture, causes, run, release, undoes))
            if outcome.kind == "conflict" and (
                (taken_for_new and not self._claim) or await self._own(head + 1, outcome.head)
            ):
                await self._settle()
                await self._have_secrets()
                outcome = await self._submit(*self._draft(capture, causes, run, release, undoes))
            return await self._number(outcome, capture)

    async def finish(self, status: Status, compensation: Compensation) -> None:
        """Say that the run has ended where it ends without a checkpoint; gives its lease back.

        Does nothing if nothing of the saga was ever stored.
        """
        await self._open_store()
        async with self._lock:
            await self._settle()
            if self._row is None:
                if self.fence is not None and not self._claim:
                    await self._backend.release(self._identity.root_id, fence=self.fence)
                return
            row = self._row._replace(
                status=status,
                compensation=compensation,
                updated=max(self._row.updated, now_micros()),
            )
            # Encryption begins with a checkpoint, and never with this.
            if row.wrapped_key is not None:
                await self._have_secrets()
            if row.wrapped_key is not None and self._secrets is not None:
                row = self._secrets.sign_row(row, self._code)
            outcome = await self._submit(self._append_of(row, None, release=True), None)
            await self._refuse(outcome)

    async def beat(self) -> bool:
        """Keep the lease for another term; False if the family is another run's now."""
        if self.fence is None or (self._claim and self._row is None):
            return True
        await self._open_store()
        root = self._identity.root_id
        if await self._backend.beat(root, fence=self.fence, term=self._term):
            return True
        # A store that was put in the place of this one may know nobody of the family: then
        # nobody has taken it over, and the next append claims it anew.
        return self._claim and await self._backend.family(root) is None

    # -- outcomes

    async def _submit(self, append: Append, link: Link | None) -> Outcome:
        ticket = self._commits.submit(append)
        self._in_flight = (ticket, link)
        return await self._learn(ticket)

    async def _learn(self, ticket: Ticket) -> Outcome:
        # If this is cancelled, the ticket stays for the next append to learn from.
        try:
            outcome = await ticket.outcome()
        except StorageError:
            if ticket.append.entry is not None:
                self._unsure.add(ticket.append.entry.snapshot_id)
            self._forget()
            raise
        self._conclude(outcome)
        return outcome

    async def _settle(self) -> None:
        """Learn what became of the append before, and read the head if that leaves it open."""
        if self._in_flight is not None:
            with suppress(StorageError):
                await self._learn(self._in_flight[0])
        if not self._head_known:
            row = await self._backend.saga(self.saga_id)
            if row is not None and self._claim and self._row is None and not await self._own(1, 1):
                await self._refuse(Outcome("conflict", row.head))
            self._chain, self._code = (
                (Chain(), None)
                if row is None
                else await read_chain(self._backend, row, await self._opener(row))
            )
            self._row = row
            self._secrets = None
            self._head_known = True

    async def _have_secrets(self) -> None:
        if self._secrets is not None:
            return
        if self._protection is None:
            if self._row is not None and self._row.wrapped_key is not None:
                raise DecryptionError(
                    f"the secrets of saga {self.saga_id!r} are encrypted; give the keys of the "
                    "store to write to it"
                )
            return
        from sagaz_core.storage.saga_secrets import SagaSecrets

        self._secrets = await SagaSecrets.open(
            self._protection, self._backend, self.saga_id, self._row
        )

    async def _own(self, lo: int, hi: int) -> bool:
        """Whether the entries from one to another are this writer's, unknown to it until now.

        A server that was cut off may take a write long after nobody waits for it any more.
        """
        if lo > hi or not self._unsure:
            return False
        found = await self._backend.entries(self.saga_id, lo, hi, bodies=False, hidden=True)
        return {entry.snapshot_id for entry in found} <= self._unsure

    def _conclude(self, outcome: Outcome) -> None:
        assert self._in_flight is not None
        (ticket, link), self._in_flight = self._in_flight, None
        if outcome.kind == "stored":
            if link is not None:
                self._chain.accept(link)
            self._row = ticket.append.saga
            if ticket.append.entry is not None:
                self._code = ticket.append.entry.mac
        elif outcome.kind == "conflict" or (
            outcome.kind == "duplicate" and outcome.head > self.head
        ):
            self._forget()

    def _forget(self) -> None:
        self._in_flight = None
        self._head_known = False

    async def _number(self, outcome: Outcome, capture: Capture) -> int:
        if outcome.kind == "duplicate":
            await self._check_duplicate(capture)
            self._unsure.add(capture.snapshot_id)
            return outcome.head
        await self._refuse(outcome)
        return outcome.head

    async def _refuse(self, outcome: Outcome) -> None:
        if outcome.kind == "fenced" or (outcome.kind == "conflict" and await self._is_fenced()):
            raise LeaseLostError(
                f"another run has taken over the family {self._identity.root_id!r}; this one must "
                "not act any more"
            )
        if outcome.kind == "conflict" and outcome.head < self.head:
            raise StorageError(
                f"saga {self.saga_id!r} had {self.head} checkpoints in the store and has "
                f"{outcome.head} now: the store has lost what it had stored; what follows is "
                "recorded anew (`sagaz doctor` says how durable the store is)"
            )
        if outcome.kind == "conflict":
            raise HeadConflictError(
                f"saga {self.saga_id!r} has {outcome.head} checkpoints, more than its writer knew "
                "of: somebody else writes to it; give each run a saga id of its own"
            )

    async def _is_fenced(self) -> bool:
        """Whether another run holds the lease, which may have gone on with this very saga."""
        if self.fence is None:
            return False
        family = await self._backend.family(self._identity.root_id)
        return family is not None and (family.fence, family.holder) != (self.fence, self.saga_id)

    async def _check_duplicate(self, capture: Capture) -> None:
        place = await self._backend.locate(None, snapshot_id=capture.snapshot_id)
        if place is not None and place[0] == self.saga_id:
            stored = await read_checkpoint(
                self._backend, self.saga_id, place[1], openers=self._opener
            )
            if stored is not None and _same_content(stored, capture):
                return
        raise DuplicateSnapshotError(
            f"a snapshot with the id {capture.snapshot_id!r} but other content is already "
            "stored; give each snapshot an id of its own"
        )

    async def _opener(self, row: SagaRow) -> StateOpener | None:
        if row.wrapped_key is None:
            return None
        from sagaz_core.storage.unsealing import opener_of

        return await opener_of(row, self._protection, masks=False)

    # -- drafting

    def _draft(
        self,
        capture: Capture,
        causes: Mapping[str, str | None],
        run: RunInfo | None,
        release: bool,
        undoes: bool,
    ) -> tuple[Append, Link]:
        drafted = draft(
            capture,
            causes,
            run,
            identity=self._identity,
            after=Position(self._row, self._chain, self._code),
            expires=self._backend.expires_at(capture.retention_until),
            secrets=self._secrets,
        )
        append = self._append_of(
            drafted.row,
            drafted.entry,
            touches=drafted.touches,
            tags=drafted.tags,
            release=release,
            undoes=undoes,
        )
        return append, drafted.link

    def _append_of(
        self,
        row: SagaRow,
        entry: EntryRow | None,
        *,
        touches: Sequence[TouchRow] = (),
        tags: Sequence[tuple[str, str]] = (),
        release: bool,
        undoes: bool = False,
    ) -> Append:
        is_first = self._row is None
        return Append(
            saga=row,
            expected_head=self.head,
            entry=entry,
            touches=touches,
            tags=tags,
            fence=self.fence,
            claim=self._claim and is_first,
            owner=self._owner,
            term=self._term,
            release=release,
            undoes=undoes,
            recovers=release and row.status == "completed" and row.parent is not None,
            new_id=self._new_ids,
        )


def _same_content(stored: SagaSnapshot, capture: Capture) -> bool:
    again = capture_snapshot(stored)
    return (
        again.context == capture.context
        and again.results == capture.results
        and (stored.kind, stored.status, stored.step_name)
        == (capture.kind, capture.status, capture.step_name)
        and tuple(stored.completed_steps) == capture.completed_steps
    )
