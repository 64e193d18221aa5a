"""Looking into a store: everything of it that changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from sagaz_core.errors import (
    DecryptionError,
    SagaForgottenError,
    SagaNotFoundError,
    SnapshotNotFoundError,
)
from sagaz_core.model import (
    CheckpointSummary,
    KeyTouch,
    RunInfo,
    SagaSnapshot,
    SagaSummary,
    Status,
)
from sagaz_core.storage import decoding
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import FamilyRow, MarkRow, SagaRow, StoreInfo
from sagaz_core.storage.batch_log import BATCH_LOG, is_encrypted, unpack_batch
from sagaz_core.storage.listing import (
    SagaPageSummary,
    check_tags,
    micros_of,
    saga_query,
    summary_of,
)
from sagaz_core.storage.meta import summarize, unpack_replay_log
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.walking import every_saga

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.data_key import DataKey
    from sagaz_core.compliance.manager import ComplianceManager
    from sagaz_core.model import BatchLogEntry, ReplayLogEntry
    from sagaz_core.storage.audit_trail import AuditEvent
    from sagaz_core.storage.health import HealthReport
    from sagaz_core.storage.holding import Hold
    from sagaz_core.storage.kin import Kin
    from sagaz_core.storage.protection import Protection
    from sagaz_core.storage.rotating import KeyUse
    from sagaz_core.storage.tombstones import Tombstone
    from sagaz_core.storage.unsealing import StateOpener
    from sagaz_core.storage.verification import Verification

REPLAY_LOG: Final = "replay"
"""The kind of the replay log's documents."""

_PAGE: Final = 200
_END: Final = 1 << 62
_FOLLOW_SECONDS: Final = 60.0


class StoreReader:
    """The reading half of :class:`~sagaz_core.storage.storage.SnapshotStorage`."""

    _masks = False

    def __init__(
        self,
        backend: Backend,
        *,
        read_only: bool,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        self.backend = backend
        self.read_only = read_only
        self._is_open = False
        self._protection: Protection | None = None
        if compliance is not None:
            from sagaz_core.compliance.manager import ComplianceManager
            from sagaz_core.storage.protection import Protection

            if not isinstance(compliance, ComplianceManager):
                compliance = ComplianceManager(compliance)
            self._protection = Protection(backend, compliance)

    @property
    def name(self) -> str:
        """What the store is called in a title: ``orders.db``, ``memory``."""
        return self.backend.name

    async def open(self) -> None:
        """Open the store; raises StorageError. Not needed: first use does it."""
        await self.backend.open(read_only=self.read_only)
        self._is_open = True

    async def close(self) -> None:
        """Give everything back; the store can be used again, and then opens again."""
        if self._is_open:
            self._is_open = False
            await self.backend.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def masked(self) -> StoreReader:
        """The same store with each secret shown as :class:`~sagaz_core.model.Masked`."""
        from sagaz_core.storage.masked_reader import MaskedReader

        return MaskedReader(self)

    @property
    def compliance(self) -> ComplianceManager | None:
        """Which values are secrets, and their keys; None: nothing was said of that."""
        return self._protection.manager if self._protection else None

    def require(self, permission: str) -> None:
        """Raise NotAllowedError unless the settings allow this program to do that.

        Args:
            permission: ``view``, ``reveal``, ``replay`` or ``delete``.
        """
        if self._protection is not None:
            self._protection.manager.require(permission)

    async def mask(self, path: Sequence[str], value: Any) -> Any:
        """Return a value as whoever looks would see it at a place in a context.

        What is no secret there, and holds none, is returned as it is.
        """
        if self._protection is None:
            return value
        from sagaz_core.storage.unsealing import mask_at

        await self._reader()
        return await mask_at(self._protection, tuple(path), value)

    def strike(self, saga_id: str, text: str) -> str:
        """Return a text without the secrets that a saga has had in this process."""
        if self._protection is None:
            return text
        from sagaz_core.storage.striking import striker_of

        return striker_of(self._protection, saga_id).strike(text)

    async def strike_secrets(self, text: str, *states: Mapping[str, Any]) -> str:
        """Return a text without the secrets that some states hold."""
        if self._protection is None:
            return text
        from sagaz_core.storage.striking import strike_secrets

        await self._reader()
        return await strike_secrets(self._protection, text, states)

    async def info(self) -> StoreInfo:
        """Describe the store: where it is, how much it holds."""
        return await (await self._reader()).info()

    async def health_check(self, timeout: float = 5.0) -> HealthReport:
        """Tell whether the store can be used right now; a store that cannot is told, not raised.

        Args:
            timeout: seconds after which it counts as unavailable.
        """
        from sagaz_core.storage.health import check_health

        return await check_health(self, timeout)

    # -- checkpoints

    async def get_snapshot(self, snapshot_id: str) -> SagaSnapshot | None:
        """Return the checkpoint of this id, or None."""
        place = await (await self._reader()).locate(None, snapshot_id=snapshot_id)
        return None if place is None else await self._read(*place)

    async def get_checkpoint(
        self, saga_id: str, sequence: int, *, steps: bool = True
    ) -> SagaSnapshot:
        """Return the checkpoint of this number.

        Args:
            saga_id: the saga.
            sequence: the checkpoint's number.
            steps: whether to read the lists of completed and compensated steps, which may be as
                long as the saga; otherwise they are empty.

        Raises:
            SagaNotFoundError: there is no such saga.
            SnapshotNotFoundError: the saga has no such checkpoint.
            CorruptEntryError: it is there and cannot be decoded.
        """
        found = await decoding.read_checkpoint(
            await self._reader(), saga_id, sequence, openers=self.opener, steps=steps
        )
        if found is None:
            await self._row(saga_id)
            raise SnapshotNotFoundError(
                f"saga {saga_id!r} has no checkpoint {sequence}; "
                f"`sagaz show {saga_id}` lists the ones it has"
            )
        return found

    async def get_latest_snapshot(
        self, saga_id: str, before_step: str | None = None
    ) -> SagaSnapshot | None:
        """Return a saga's newest checkpoint, or its newest before_step one of a step."""
        backend = await self._reader()
        until = _END
        while entries := await backend.entries(
            saga_id, 1, until, reverse=True, limit=_PAGE if before_step else 1, bodies=False
        ):
            for entry in entries:
                if before_step is None or (entry.kind, entry.step) == ("before_step", before_step):
                    return await self._read(saga_id, entry.seq)
            until = entries[-1].seq - 1
        return None

    async def get_snapshot_at_time(self, saga_id: str, timestamp: datetime) -> SagaSnapshot | None:
        """Return the latest checkpoint not after ``timestamp``, or None."""
        number = await self.get_number_at_time(saga_id, timestamp)
        return None if number is None else await self._read(saga_id, number)

    async def get_number_at_time(self, saga_id: str, timestamp: datetime) -> int | None:
        """Return the number of the latest checkpoint not after ``timestamp``, or None."""
        at = micros_of(timestamp, "timestamp")
        place = await (await self._reader()).locate(saga_id, at=at)
        return None if place is None else place[1]

    async def list_snapshots(
        self,
        saga_id: str | None = None,
        *,
        saga_id_prefix: str | None = None,
        status: Status | None = None,
        step_name: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[SagaSnapshot]:
        """Return checkpoints, newest first.

        With ``saga_id`` those of that saga. Without it one a saga, the latest, of every saga
        that matches, leaving out replays and sagas that a replay has recovered; ``status`` and
        ``step_name`` are then the saga's. ``after`` and ``before`` are inclusive. ``tags`` are
        always the saga's. There is no limit but the one given.
        """
        found: list[SagaSnapshot] = []
        if saga_id is not None:
            lo, hi = micros_of(after, "after"), micros_of(before, "before")
            row = await (await self._reader()).saga(saga_id)
            if row is None or not await self._has_tags(saga_id, tags):
                return []
            async for snapshot in decoding.read_backward(
                self.backend, row, 1, row.head, self.opener
            ):
                at = to_micros(snapshot.created_at)
                if len(found) == limit or (lo is not None and at < lo):
                    break
                if (
                    (hi is None or at <= hi)
                    and status in (None, snapshot.status)
                    and step_name in (None, snapshot.step_name)
                    and snapshot.saga_id.startswith(saga_id_prefix or "")
                ):
                    found.append(snapshot)
            return found
        await self._reader()
        query = saga_query(
            status=status,
            prefix=saga_id_prefix,
            step=step_name,
            since=after,
            until=before,
            tags=tags,
            unsettled=True,
        )
        async for row in every_saga(self.backend, query):
            if len(found) == limit:
                break
            async for snapshot in decoding.read_backward(
                self.backend, row, 1, row.head, self.opener
            ):
                found.append(snapshot)
                break
        return found

    async def iter_checkpoints(
        self,
        saga_id: str,
        first: int = 1,
        last: int | None = None,
        *,
        only: Container[int] | None = None,
    ) -> AsyncIterator[SagaSnapshot]:
        """Yield a saga's checkpoints from number ``first`` to ``last``, in order, in one pass.

        With ``only`` those of these numbers, the others being passed over at little cost.
        """
        row = await self._row(saga_id)
        until = row.head if last is None else min(last, row.head)
        async for snapshot in decoding.ForwardReader(self.backend, self.opener).read(
            row, first, until, only=only
        ):
            yield snapshot

    async def list_checkpoints(
        self,
        saga_id: str,
        *,
        after: int = 0,
        until: int | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[CheckpointSummary]:
        """Return a timeline: the numbers above ``after`` up to ``until``; no body is read."""
        entries = await (await self._reader()).entries(
            saga_id,
            after + 1,
            _END if until is None else until,
            reverse=reverse,
            limit=limit,
            bodies=False,
        )
        return [summarize(saga_id, entry) for entry in entries]

    async def list_changes(
        self,
        saga_id: str,
        *,
        key: str | None = None,
        first: int = 1,
        last: int | None = None,
        limit: int | None = None,
    ) -> list[KeyTouch]:
        """Return which checkpoint changed which top-level key, newest first; no body is read."""
        touches = await (await self._reader()).touches(
            saga_id, key=key, lo=first, hi=_END if last is None else last, limit=limit
        )
        return [KeyTouch(touch.key, touch.seq, touch.step) for touch in touches]

    async def list_latest_changes(
        self, saga_id: str, keys: Sequence[str], until: int
    ) -> list[KeyTouch]:
        """Return of each of these top-level keys its latest change not after a checkpoint."""
        touches = await (await self._reader()).last_touches(saga_id, keys, until)
        return [KeyTouch(touch.key, touch.seq, touch.step) for touch in touches]

    async def list_marks(self, saga_id: str, first: int, last: int) -> list[MarkRow]:
        """Return number, kind and step of checkpoints, in order, and nothing else of them."""
        return await (await self._reader()).marks(saga_id, first, last)

    # -- sagas

    async def list_sagas(
        self, *, cursor: str | None = None, limit: int = 100, **filters: Any
    ) -> SagaPageSummary:
        """Return a page of sagas, the latest change first.

        Filters (all that are given must hold): ``status`` (one or several), ``name`` (a class,
        ``*`` standing for anything), ``prefix`` of the id, ``step``, ``error`` (text in it),
        ``error_group``, ``since`` and ``until`` (of the latest change, inclusive), ``tags``,
        ``root_id``, ``unsettled`` (leave out replays and recovered sagas).
        """
        page = await (await self._reader()).sagas(saga_query(**filters), cursor=cursor, limit=limit)
        return SagaPageSummary([summary_of(row) for row in page.rows], page.cursor)

    async def count_sagas(
        self, by: Literal["status", "error_group", "name"], **filters: Any
    ) -> dict[str, int]:
        """Count sagas by a property; the filters are those of :meth:`list_sagas`."""
        return await (await self._reader()).tally(saga_query(**filters), by)

    async def count_ended(
        self,
        status: Literal["completed", "failed"],
        *,
        since: datetime,
        width: timedelta,
        count: int,
    ) -> list[int]:
        """Count the sagas that ended so, in ``count`` stretches of ``width`` from ``since`` on.

        It costs little in a store of any size; a saga that was resumed meanwhile may be counted.
        """
        begin = micros_of(since, "since")
        assert begin is not None
        backend = await self._reader()
        return await backend.ended(status, begin, width // timedelta(microseconds=1), count)

    async def get_saga(self, saga_id: str) -> SagaSummary | None:
        """Return a saga's summary with its tags, or None."""
        row = await (await self._reader()).saga(saga_id)
        return None if row is None else summary_of(row, await self.backend.tags(saga_id))

    async def get_existing_saga(self, saga_id: str) -> SagaSummary:
        """Return a saga's summary with its tags.

        Who asks for a saga by its id and has no use for None asks here: what was forgotten is
        told from what never was.

        Raises:
            SagaForgottenError: its family was erased.
            SagaNotFoundError: there is no such saga.
        """
        row = await self._row(saga_id)
        return summary_of(row, await self.backend.tags(saga_id))

    async def get_run(self, saga_id: str) -> RunInfo:
        """Return what was recorded of a saga's run; raises SagaNotFoundError."""
        from sagaz_core.storage.kin import run_of

        row = await self._row(saga_id)
        return run_of(row, await self.backend.entries(saga_id, 1, 1, bodies=False, hidden=True))

    async def get_kin(self, saga_id: str, *, bodies_up_to: int = 0) -> Kin:
        """Return a saga's family, all that is known of it but its states, at about one moment.

        Args:
            saga_id: one of it.
            bodies_up_to: a saga of at most so many checkpoints comes with what its states are
                made of.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.kin import read_kin

        kin = await (await self._reader()).kin(saga_id, bodies_up_to=bodies_up_to)
        if kin is None:
            raise await self._missing(saga_id)
        return read_kin(kin)

    async def list_encrypted(self, saga_id: str, sequence: int) -> list[tuple[str, ...]]:
        """Return the paths of the encrypted values of a checkpoint; a result's begins with its
        step."""
        if (await self._row(saga_id)).wrapped_key is None:
            return []
        from sagaz_core.storage.unsealing import encrypted_places

        return await encrypted_places(self.backend, saga_id, sequence)

    async def verify_saga(self, saga_id: str) -> Verification:
        """Tell whether a saga's whole history is as it was written.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.verifying import verify_saga

        row = await self._row(saga_id)
        return await verify_saga(self.backend, self._protection, row)

    async def find_hold(self, saga_id: str) -> Hold | None:
        """Return the legal hold on a saga's family; None: it is not held.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.holding import find_hold

        return await find_hold(self.backend, (await self._row(saga_id)).root)

    async def list_holds(self) -> list[Hold]:
        """Return the legal holds, the latest first."""
        from sagaz_core.storage.holding import list_holds

        return await list_holds(await self._reader())

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """Return what stands in the place of a saga's family that was forgotten, or None."""
        from sagaz_core.storage.tombstones import tombstone_of

        return await tombstone_of(await self._reader(), saga_id)

    async def verify_tombstone(self, stone: Tombstone) -> Verification:
        """Tell whether a tombstone is as it was written."""
        from sagaz_core.storage.tombstones import verify_tombstone

        return verify_tombstone(stone, await self._audit_key(writes=False))

    async def list_keys(self) -> list[KeyUse]:
        """Return what is wrapped with which key."""
        from sagaz_core.storage.rotating import key_uses

        return await key_uses(await self._reader(), self._protection)

    # -- what was done to a saga

    async def list_audit_events(self, saga_id: str) -> list[AuditEvent]:
        """Return what was done to a saga from outside, the first event first."""
        from sagaz_core.storage.audit_trail import read_events

        return await read_events(await self._reader(), saga_id)

    async def verify_audit_events(self, saga_id: str) -> Verification:
        """Tell whether a saga's audit trail is as it was written.

        Raises:
            SagaNotFoundError: there is no such saga.
        """
        from sagaz_core.storage.audit_trail import verify_events

        row = await self._row(saga_id)
        return await verify_events(self.backend, row, await self._audit_key(writes=False))

    # -- families and replays

    async def list_family(self, root_id: str) -> list[SagaSummary]:
        """Return a root saga and its replays, the root first, then by start."""
        await self._reader()
        rows = [row async for row in every_saga(self.backend, saga_query(root_id=root_id))]
        rows.sort(key=lambda row: (row.saga_id != root_id, row.started, row.saga_id))
        return [summary_of(row) for row in rows]

    async def get_family(self, root_id: str) -> FamilyRow | None:
        """Return who may act, or acted last, in a family; None: nobody ever under a lease."""
        return await (await self._reader()).family(root_id)

    async def get_replay_log(self, replay_id: str) -> ReplayLogEntry | None:
        """Return the log of one replay, or None."""
        record = await (await self._reader()).get(REPLAY_LOG, replay_id)
        return None if record is None else unpack_replay_log(record.body)

    async def list_replays(self, saga_id: str | None = None) -> list[ReplayLogEntry]:
        """Return the replay log, newest first: of one original, or of all."""
        records = await (await self._reader()).scan(REPLAY_LOG, saga=saga_id)
        return [unpack_replay_log(record.body) for record in records]

    async def iter_replays(self, *, until: datetime | None = None) -> AsyncIterator[ReplayLogEntry]:
        """Yield the whole replay log, newest first, a page in memory at a time.

        Args:
            until: leave out what started later, with a time zone.
        """
        backend = await self._reader()
        last = micros_of(until, "until")
        before = None if last is None else (last + 1, "")
        while records := await backend.scan(REPLAY_LOG, before=before, limit=_PAGE):
            for record in records:
                yield unpack_replay_log(record.body)
            before = records[-1].at, records[-1].id

    async def get_batch(self, batch_id: str) -> BatchLogEntry | None:
        """Return the journal of one batch, or None."""
        record = await (await self._reader()).get(BATCH_LOG, batch_id)
        if record is None:
            return None
        entry = unpack_batch(record)
        if is_encrypted(entry.options) and self._protection is not None:
            from sagaz_core.storage.batch_secrets import decrypt_batch

            with suppress(DecryptionError):
                return await decrypt_batch(self._protection, entry)
        return entry

    async def list_batches(self, *, limit: int | None = None) -> list[BatchLogEntry]:
        """Return the journals of all batches, newest first; of so many at most."""
        records = await (await self._reader()).scan(BATCH_LOG, limit=limit)
        return [unpack_batch(record) for record in records]

    # -- watching

    async def wait(self, cursor: int | None, timeout: float) -> int:
        """Return when the store has changed since ``cursor``, or after ``timeout`` seconds.

        Returns the cursor to wait with next; None, to begin with, returns at once.
        """
        return await (await self._reader()).wait(cursor, timeout)

    async def follow(self, saga_id: str, *, after: int = 0) -> AsyncIterator[SagaSnapshot]:
        """Yield checkpoints above ``after`` as they are written, by whichever process.

        Waits for a saga that is not there yet, and ends when it has completed or failed.
        """
        backend = await self._reader()
        cursor = await backend.wait(None, 0)
        position, seen = after, False
        reader = decoding.ForwardReader(backend, self.opener)
        while True:
            row = await backend.saga(saga_id)
            if row is not None:
                async for snapshot in reader.read(row, position + 1, row.head):
                    yield snapshot
                position = max(position, row.head)
                seen = True
                if row.status in ("completed", "failed"):
                    return
            elif seen:
                return
            cursor = await backend.wait(cursor, _FOLLOW_SECONDS)

    # -- inside

    async def _reader(self) -> Backend:
        if not self._is_open:
            await self.open()
        return self.backend

    async def _audit_key(self, *, writes: bool) -> DataKey | None:
        """Return the key of the audit trails; None: there is none, or it is not at hand."""
        return None if self._protection is None else await self._protection.audit_key(writes=writes)

    async def _row(self, saga_id: str) -> SagaRow:
        row = await (await self._reader()).saga(saga_id)
        if row is None:
            raise await self._missing(saga_id)
        return row

    async def _missing(self, saga_id: str) -> SagaNotFoundError:
        stone = await self.find_tombstone(saga_id)
        if stone is None:
            return SagaNotFoundError(saga_id)
        at = stone.at.isoformat(sep=" ", timespec="seconds")
        return SagaForgottenError(saga_id, at, stone.by)

    async def _has_tags(self, saga_id: str, tags: Mapping[str, str] | None) -> bool:
        return not tags or set(check_tags(tags)) <= set(await self.backend.tags(saga_id))

    async def _read(self, saga_id: str, sequence: int) -> SagaSnapshot | None:
        return await decoding.read_checkpoint(self.backend, saga_id, sequence, openers=self.opener)

    async def opener(self, row: SagaRow) -> StateOpener | None:
        """Return what opens a saga's secrets, or masks them; None: there are none."""
        if row.wrapped_key is None and not (self._masks and self._protection):
            return None
        # It loads the encryption, which most stores never need.
        from sagaz_core.storage.unsealing import opener_of

        return await opener_of(row, self._protection, masks=self._masks)
