"""Writes the replay log, and with each line the event that tells of it to the audit trail."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import ReplayLogEntry, SagaSummary
from sagaz_core.storage.audit_trail import (
    AUDIT,
    NewEvent,
    anchor_trail,
    append_event,
    with_event,
)
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.holding import HOLD, Hold, hold_in
from sagaz_core.storage.listing import micros_of
from sagaz_core.storage.replay_log import REPLAY_LOG, pack_replay_log
from sagaz_core.storage.times import to_micros

if TYPE_CHECKING:
    from sagaz_core.compliance.data_key import DataKey

BEGAN: Final = "replayed"
ENDED: Final = "replay ended"

_ATTEMPTS: Final = 10
_KEPT: Final = 256
"""Replays that have begun here: what is known of their originals when they end."""


class _Begun(NamedTuple):
    trail: RecordRow
    hold: Hold | None


class ReplayLogWriter:
    """Writes the lines of one store."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._begun: OrderedDict[str, _Begun] = OrderedDict()

    async def save(
        self, entry: ReplayLogEntry, original: SagaSummary | None, key: DataKey | None
    ) -> None:
        """Store a line in place of the one of the same replay, and tell the original's trail.

        The trail is told first: a line of which it does not tell would seem forged, also where
        this was broken off in between.

        Args:
            entry: the line.
            original: the saga that is replayed, if the caller has read it.
            key: that of the audit trails.
        """
        is_first = entry.finished_at is None
        expires, root = await self._expiry(entry, original, is_first=is_first)
        record = RecordRow(
            kind=REPLAY_LOG,
            id=entry.replay_id,
            # A replay has two lines as a rule: one before it runs, and that of its end.
            version=1 if is_first else 2,
            saga=entry.original_saga_id,
            at=to_micros(entry.started_at),
            expires=expires,
            body=pack_replay_log(entry),
        )
        event = _event_of(entry, record.body)
        original_id = entry.original_saga_id
        known = self._begun.pop(entry.replay_id, None)
        before = known.trail if known else await self._backend.get(AUDIT, original_id)
        trail = with_event(before, original_id, key, event)
        (is_told, is_stored), found = await self._backend.exchange(
            [trail, record], [] if known else [(HOLD, root)]
        )
        # Whoever has held a replay that had begun has changed its line.
        hold = known.hold if known else hold_in(found[0])
        if is_told:
            await anchor_trail(self._backend, trail, key)
        else:
            trail = await append_event(self._backend, original_id, key, event)
        if not is_stored:
            record = await self._put(record)
        if hold is not None and record.expires is not None:
            await self._put(replace(record, expires=None))
        if is_first:
            self._begun[entry.replay_id] = _Begun(trail, hold)
            while len(self._begun) > _KEPT:
                self._begun.popitem(last=False)

    async def _put(self, record: RecordRow) -> RecordRow:
        for _ in range(_ATTEMPTS):
            stored = await self._backend.get(REPLAY_LOG, record.id)
            record = replace(record, version=stored.version + 1 if stored else 1)
            if stored is not None and stored.expires is None:
                record = replace(record, expires=None)
            if await self._backend.put(record, expected_version=record.version - 1):
                return record
        raise StorageUnavailableError(
            f"the log of replay {record.id!r} is being written by somebody else; try again"
        )

    async def _expiry(
        self, entry: ReplayLogEntry, original: SagaSummary | None, *, is_first: bool
    ) -> tuple[int | None, str]:
        """Return when the last of a line's sagas expires, and the root of their family.

        None: never, or there are none.
        """
        saga_ids = [] if is_first else [entry.replay_id]
        times: list[int | None] = []
        root = entry.original_saga_id
        if original is None:
            saga_ids.append(entry.original_saga_id)
        else:
            times.append(micros_of(original.expires_at, "expires_at"))
            root = original.root_id
        for row in [await self._backend.saga(saga_id) for saga_id in saga_ids]:
            if row is not None:
                times.append(row.expires)
                root = row.root
        return (None if not times or None in times else max(filter(None, times))), root


def digest_of_line(body: bytes) -> str:
    """Return what the audit trail holds of a line of the log, to tell whether it was altered."""
    return hashlib.sha256(body).hexdigest()[:32]


def _event_of(entry: ReplayLogEntry, body: bytes) -> NewEvent:
    details: dict[str, Any] = {"replay": entry.replay_id, "log": digest_of_line(body)}
    if entry.finished_at is None:
        details |= {
            "from_step": entry.from_step,
            "sequence": entry.sequence,
            "plan": str(entry.plan.get("digest", "")),
            "reason": entry.reason,
            "request": entry.request_id,
        }
        return NewEvent(event=BEGAN, by=entry.initiated_by, details=details)
    details["outcome"] = entry.outcome
    return NewEvent(event=ENDED, by=entry.initiated_by, details=details)
