"""The names of a Redis store's keys.

What belongs to a family carries its hash tag, ``{root}``, and so lives in one slot, where one
script can change all of it at once. Ids and names are percent-encoded in names of keys.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from sagaz_core.errors import CorruptEntryError

SCHEMA: Final = 1
"""The version of the keys and of what is in them."""

_BETWEEN: Final = b"\0"


class Place(NamedTuple):
    """Where a saga is: its id and its family's root."""

    saga_id: str
    root: str


def text_of(stored: bytes) -> str:
    """Return a text that is stored; raises CorruptEntryError if it is none."""
    try:
        return stored.decode()
    except UnicodeDecodeError as error:
        raise CorruptEntryError(f"a name in the store is no text: {stored!r:.80}") from error


def number_of(stored: bytes) -> int:
    """Return a number that is stored; raises CorruptEntryError if it is none."""
    try:
        return int(stored)
    except ValueError as error:
        raise CorruptEntryError(f"a number in the store is none: {stored!r:.80}") from error


def pack_place(place: Place) -> bytes:
    """Return a place as lists and pointers hold it. Bytes are in the order of the ids."""
    saga_id = place.saga_id.encode()
    return saga_id if place.root == place.saga_id else saga_id + _BETWEEN + place.root.encode()


def unpack_place(member: bytes) -> Place:
    """Return what :func:`pack_place` was given."""
    saga_id, _, root = member.partition(_BETWEEN)
    return Place(text_of(saga_id), text_of(root or saga_id))


class FamilyKeys(NamedTuple):
    """The keys that a family's sagas share."""

    family: str
    """Hash: fence, owner, holder, held, acquired, recovered_by."""
    alive: str
    """Exists while the lease holds: the server lets it lapse, by its own clock."""
    members: str
    """Set: the ids of the family's sagas."""


class SagaKeys(NamedTuple):
    """The keys of one saga."""

    row: str
    """Hash: the packed row, its head, whether it has ended, its tags, its wrapped key."""
    entries: str
    """Stream: an entry without its body under ``seq-at``."""
    bodies: str
    """Hash: an entry's body by its number."""
    ids: str
    """Hash: an entry's number by its snapshot id."""
    touches: str
    """Sorted set, all of one score: key, number and step of each change."""
    hidden: str
    """Set: the numbers of hidden entries."""

    def staged(self, token: str) -> tuple[str, str]:
        """Return where other entries and bodies stand until they take the place of these."""
        return f"{self.entries}:{token}", f"{self.bodies}:{token}"


class Keys:
    """All keys of the store with one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.schema = f"{prefix}schema"
        self.changes = f"{prefix}changes"
        """Stream: that something was written; only its latest entries are kept."""
        self.going = f"{prefix}going"
        """Sorted set: the sagas that have not ended, by start."""
        self.expiring = f"{prefix}expiring"
        """Sorted set: the sagas that expire, by a time not later than when they do."""

    def family(self, root: str) -> FamilyKeys:
        """Return the keys that a family's sagas share."""
        tag = f"{self.prefix}{{{_encoded(root)}}}"
        return FamilyKeys(f"{tag}:family", f"{tag}:alive", f"{tag}:members")

    def saga(self, place: Place) -> SagaKeys:
        """Return the keys of one saga."""
        start = f"{self.prefix}{{{_encoded(place.root)}}}:saga:{_encoded(place.saga_id)}"
        return SagaKeys(
            start,
            f"{start}:entries",
            f"{start}:bodies",
            f"{start}:ids",
            f"{start}:touches",
            f"{start}:hidden",
        )

    def root_of(self, saga_id: str) -> str:
        """String: the root of a saga's family."""
        return f"{self.prefix}root:{_encoded(saga_id)}"

    def place_of(self, snapshot_id: str) -> str:
        """String: where the saga of a snapshot is."""
        return f"{self.prefix}snapshot:{_encoded(snapshot_id)}"

    def ended(self, status: str) -> str:
        """Sorted set: the sagas that ended so, by their latest change."""
        return f"{self.prefix}ended:{status}"

    def ended_by(self, status: str, facet: str, *values: str) -> str:
        """Sorted set: those of them with a name, an error group or a tag."""
        return f"{self.ended(status)}:{facet}:{':'.join(map(_encoded, values))}"

    def record(self, kind: str, id: str) -> str:
        """Hash: a document and its version."""
        return f"{self.prefix}{{record:{_encoded(kind)}:{_encoded(id)}}}"

    def records(self, kind: str) -> str:
        """Sorted set: the ids of a kind's documents, by time."""
        return f"{self.prefix}records:{_encoded(kind)}"

    def records_of(self, saga_id: str) -> str:
        """Sorted set: kind and id of a saga's documents, by time."""
        return f"{self.prefix}records-of:{_encoded(saga_id)}"


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")
