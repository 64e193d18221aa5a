"""Appends to a Redis store: by a script in the family's slot, lists and pointers around it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import ormsgpack

from sagaz_core.errors import StorageError
from sagaz_core.storage.backends.redis.commands import APPEND, Command
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import (
    SCHEMA,
    Keys,
    Place,
    pack_place,
    unpack_place,
)
from sagaz_core.storage.backends.redis.lists import ENDED, enlist, facets
from sagaz_core.storage.backends.redis.query import read_rows
from sagaz_core.storage.backends.redis.rows import (
    BodyPacker,
    milliseconds,
    pack_entry,
    pack_row,
    pack_tags,
    pack_touch,
    pointer_expiry,
    stream_id,
    unpack_tags,
)
from sagaz_core.storage.backends.redis.watching import tell_change
from sagaz_core.storage.backends.rows import Append, Outcome, SagaRow

_CLEAR_SECONDS: Final = 60.0
_CLEARED_AT_ONCE: Final = 100


class RedisAppending:
    """Appends through one connection."""

    def __init__(self, connection: RedisConnection, keys: Keys, bodies: BodyPacker) -> None:
        self.connection = connection
        self._run = connection.run
        self._cleared_at = 0.0
        self._keys = keys
        self._bodies = bodies

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Write appends in order; one refusal fails none of the others.

        A saga's first entry takes a trip more, in which its id is claimed for its family, and
        its last another, which puts it into the lists of those that have ended.
        """
        if _may_collide(appends):
            return [(await self._append_all([append]))[0] for append in appends]
        return await self._append_all(appends)

    async def _append_all(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await self._refused(appends)
        commands: list[Command] = []
        places: dict[int, int] = {}
        for number, append in enumerate(appends):
            if number not in outcomes:
                commands += self._before(append)
                places[number] = len(commands)
                commands.append(self._append(append))
        replies = await self._run(*commands, tell_change(self._keys))
        moved: list[Command] = []
        lists: set[str] = set()
        for number, append in enumerate(appends):
            if number in places:
                kind, head, was_ended, tags, held = replies[places[number]]
                outcomes[number] = Outcome(kind.decode(), head)
                if kind == b"stored" and (append.saga.status in ENDED or was_ended):
                    moved += enlist(self._keys, append.saga, unpack_tags(tags))
                    moved += self._keep_root(append.saga)
                    lists.update(facets(self._keys, append.saga, unpack_tags(tags)))
                elif kind == b"duplicate" and append.saga.status in ENDED:
                    # Whoever wrote it may not have come to the lists.
                    moved += await self._enlist_again(append.saga)
                if held:
                    moved += self._keep_pointers(append)
        if moved:
            await self._run(*moved)
            with suppress(StorageError):
                # What was to be written is; a next time will do for the rest.
                await self._clear_oldest([self._keys.expiring, *lists])
        return [outcomes[number] for number in range(len(appends))]

    async def _enlist_again(self, row: SagaRow) -> list[Command]:
        """Return what puts a saga into the lists by what it is now, if it has ended."""
        place = Place(row.saga_id, row.root)
        (found,) = await read_rows(self.connection, self._keys, [place])
        if found is None or found[0].status not in ENDED:
            return []
        return [*enlist(self._keys, *found), *self._keep_root(found[0])]

    async def _clear_oldest(self, lists: Sequence[str]) -> None:
        """Take sagas that have expired off lists that were just written, once in a while."""
        now = time.monotonic()
        if now - self._cleared_at < _CLEAR_SECONDS:
            return
        self._cleared_at = now
        oldest = await self._run(*(("ZRANGE", name, 0, _CLEARED_AT_ONCE - 1) for name in lists))
        gone: list[Command] = []
        for name, members in zip(lists, oldest, strict=True):
            rows = await read_rows(self.connection, self._keys, list(map(unpack_place, members)))
            gone += [
                ("ZREM", name, member)
                for member, row in zip(members, rows, strict=True)
                if row is None
            ]
        if gone:
            await self._run(*gone)

    async def _refused(self, appends: Sequence[Append]) -> dict[int, Outcome]:
        """Claim ids for their families; return what becomes of appends whose ids are another's.

        That is a saga's id in another family, or a snapshot's id in another saga.
        """
        claims: list[Command] = []
        questions: list[Command] = []
        about: list[tuple[int, str | None]] = []
        for number, append in enumerate(appends):
            row, entry = append.saga, append.entry
            if append.expected_head == 0:
                # The server may have lost everything since the store was opened.
                claims.append(("SET", self._keys.schema, SCHEMA, "NX"))
                claims.append((*self._set_root(row), "NX"))
                questions.append(("GET", self._keys.root_of(row.saga_id)))
                about.append((number, None))
            if entry is not None and not append.new_id:
                questions.append(("GET", self._keys.place_of(entry.snapshot_id)))
                about.append((number, entry.snapshot_id))
        if not questions:
            return {}
        refused: dict[int, Outcome] = {}
        answers = (await self._run(*claims, *questions))[len(claims) :]
        for (number, snapshot_id), found in zip(about, answers, strict=True):
            row = appends[number].saga
            if found is None:
                continue
            if snapshot_id is None:
                other = Place(row.saga_id, found.decode())
            else:
                other = unpack_place(found)
            if other == Place(row.saga_id, row.root):
                continue
            outcome = await self._other(other, snapshot_id)
            if outcome is not None:
                refused.setdefault(number, outcome)
            elif snapshot_id is None:
                await self._run(self._set_root(row))
        return refused

    async def _other(self, place: Place, snapshot_id: str | None) -> Outcome | None:
        """Return what another saga is in the way with; None: the pointer to it was stale."""
        keys = self._keys.saga(place)
        if snapshot_id is not None:
            (seq,) = await self._run(("HGET", keys.ids, snapshot_id))
            return None if seq is None else Outcome("duplicate", int(seq))
        (head,) = await self._run(("HGET", keys.row, "head"))
        return None if head is None else Outcome("conflict", int(head))

    def _set_root(self, row: SagaRow) -> Command:
        return ("SET", self._keys.root_of(row.saga_id), row.root, *pointer_expiry(row))

    def _before(self, append: Append) -> Iterator[Command]:
        """Yield what is written ahead of an append, so that what it writes is always found."""
        row, entry = append.saga, append.entry
        if append.expected_head == 0 and row.status not in ENDED:
            yield from enlist(self._keys, row, ())
        if row.expires is not None and row.updated - row.started > row.expires - row.updated:
            # It has gone on for longer than it is kept: as long as its pointer would still be.
            yield from self._keep_root(row)
        if entry is not None:
            place = pack_place(Place(row.saga_id, row.root))
            only_new = ("NX",) if append.new_id else ()
            yield (
                *("SET", self._keys.place_of(entry.snapshot_id), place),
                *(*only_new, *pointer_expiry(row)),
            )

    def _keep_root(self, row: SagaRow) -> Iterator[Command]:
        if row.expires is not None:
            _, expiry = pointer_expiry(row)
            yield ("PEXPIREAT", self._keys.root_of(row.saga_id), expiry)

    def _keep_pointers(self, append: Append) -> Iterator[Command]:
        """Yield what keeps that by which a saga of a family that is held is found."""
        row, entry = append.saga, append.entry
        # They may have expired at once, where the retention has ended.
        yield ("SET", self._keys.root_of(row.saga_id), row.root)
        if entry is not None:
            place = pack_place(Place(row.saga_id, row.root))
            yield ("SET", self._keys.place_of(entry.snapshot_id), place)

    def _append(self, append: Append) -> Command:
        row, entry = append.saga, append.entry
        wanted = [
            row.saga_id,
            append.expected_head,
            row.head,
            "1" if row.status in ENDED else "",
            row.expires is not None and milliseconds(row.expires),
            pack_tags(append.tags),
            append.fence is not None
            and {
                "fence": append.fence,
                "claim": append.claim,
                "owner": append.owner,
                "term": milliseconds(append.term),
                "release": append.release,
                "recovers": append.recovers,
                "undoes": append.undoes,
            },
            entry is not None
            and {
                "id": stream_id(entry),
                "snapshot_id": entry.snapshot_id,
                "touches": [pack_touch(touch) for touch in append.touches],
            },
        ]
        return APPEND.call(
            [*self._keys.family(row.root), *self._keys.saga(Place(row.saga_id, row.root))],
            ormsgpack.packb(wanted),
            pack_row(row),
            row.wrapped_key or b"",
            *(
                ()
                if entry is None
                else (pack_entry(entry, append.touches), self._bodies.pack(entry.body or b""))
            ),
        )


def _may_collide(appends: Sequence[Append]) -> bool:
    """Whether some of these want the same id for themselves."""
    snapshots = [each.entry.snapshot_id for each in appends if each.entry is not None]
    homes = {(each.saga.saga_id, each.saga.root) for each in appends}
    sagas = {each.saga.saga_id for each in appends}
    return len(snapshots) != len(set(snapshots)) or len(homes) != len(sagas)
