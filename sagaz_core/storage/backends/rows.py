"""The rows that a store keeps and answers with: what the contract of a backend speaks of.

Times are integers: microseconds since 1970 in UTC. ``meta`` and ``body``, wrapped keys and codes
are bytes of whoever wrote them, and opaque to a backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sagaz_core.model import Compensation, Kind, Status

# Rows are named tuples: several are made for every checkpoint, and nothing immutable is made
# faster.


class SagaRow(NamedTuple):
    """One row a saga, brought up to date by every append."""

    saga_id: str
    root: str
    name: str
    status: Status
    started: int
    updated: int
    head: int
    """The sequence number of the latest entry."""
    keyframe: int = 0
    """The sequence number of the latest entry that needs no other to be read."""
    parent: str | None = None
    parent_seq: int | None = None
    code: str = ""
    compensation: Compensation = "none"
    step: str | None = None
    error: str | None = None
    error_group: str | None = None
    expires: int | None = None
    alive: bool = False
    """Of the family: whether its lease is held and has not lapsed, by the store's clock."""
    holder: str | None = None
    """Of the family: the saga id of the run that holds or last held it."""
    recovered_by: str | None = None
    """Of the family: the replay that brought it to success, unless that was undone since."""
    wrapped_key: bytes | None = None
    """The saga's data key, wrapped; opaque. An append sets it where the saga has none yet."""
    mac: bytes | None = None
    """The authentication code of the row and its head; opaque. Every append sets it."""


class EntryRow(NamedTuple):
    """One checkpoint. ``body`` is None where it was not asked for."""

    seq: int
    keyframe: int
    """The entry to start from when reading this one; its own ``seq`` if it stands alone."""
    at: int
    """Never less than that of the entry before."""
    kind: Kind
    step: str | None
    snapshot_id: str
    meta: bytes
    body: bytes | None
    hidden: bool = False
    mac: bytes | None = None
    """The authentication code, chained; opaque. It is there without the body too."""


class MarkRow(NamedTuple):
    """The least there is to know of an entry: thousands are read at once."""

    seq: int
    kind: Kind
    step: str | None


class Chained(NamedTuple):
    """What one checkpoint is read from."""

    saga: SagaRow
    entry: EntryRow
    before: list[bytes]
    """The bodies that its own builds on, from the keyframe on."""


class TouchRow(NamedTuple):
    """A top-level key changed by an entry, and the step that caused it."""

    key: str
    seq: int
    step: str | None


class Append(NamedTuple):
    """One compare-and-set write: an entry, its touches and the saga's row, or nothing."""

    saga: SagaRow
    """The row as it shall be; its family columns are ignored."""
    expected_head: int
    """The head this writer knows; 0: the saga is new."""
    entry: EntryRow | None
    """None: only the row changes (a run ends without a checkpoint)."""
    touches: Sequence[TouchRow] = ()
    tags: Sequence[tuple[str, str]] = ()
    fence: int | None = None
    """The writer's fencing token; None: the writer holds no lease and none is checked."""
    claim: bool = False
    """This is a root's first write: make its family with this fence, held by the saga."""
    owner: str = ""
    """With ``claim``, who runs it, in words for a person."""
    term: int = 30_000_000
    """Microseconds for which the lease then holds, by the store's clock. A lease of which most
    of the term is left may be left as it is."""
    release: bool = False
    """The run has ended: give the lease back."""
    recovers: bool = False
    """With ``release``: this run has brought its family to success."""
    undoes: bool = False
    """This run undoes what another of its family has done: nobody has recovered it any more."""
    new_id: bool = False
    """The entry's snapshot id was made for it just now, so that no other saga can have it."""


class Outcome(NamedTuple):
    """What became of an append.

    ``duplicate``: an entry of this snapshot id is there already, as ``head``.
    ``conflict``: the saga's head is ``head``, not what the writer expected.
    ``fenced``: the family's fence is not the writer's, or it held no such lease.

    Of several reasons to refuse an append, the first in this order is told.
    """

    kind: Literal["stored", "duplicate", "conflict", "fenced"]
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """A root saga and its replays: who may act, and whether one has succeeded."""

    root: str
    fence: int
    owner: str
    """Who holds or last held the lease, in words for a person: user, host, process."""
    holder: str
    """The id of the saga that runs, or last ran, under it."""
    alive_until: int | None
    acquired: int
    recovered_by: str | None
    now: int
    """The store's clock when the row was read."""

    @property
    def held(self) -> bool:
        """Whether a run is alive under this lease."""
        return self.alive_until is not None and self.alive_until > self.now


class Kin(NamedTuple):
    """Everything about a saga's family but the bodies of most of its entries."""

    family: FamilyRow | None
    """As it was before the rest was read."""
    members: list[tuple[SagaRow, list[EntryRow]]]
    """Each saga with its entries, hidden ones too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaQuery:
    """Which sagas; every condition given must hold."""

    status: tuple[Status, ...] = ()
    """``executing`` and ``compensating`` mean alive. ``interrupted`` are those that did not end,
    in a family whose lease lapsed, was given back or is another run's."""
    name: str | None = None
    """A class name, ``*`` standing for anything."""
    prefix: str | None = None
    step: str | None = None
    error: str | None = None
    """Text that occurs in the error's headline, in any case."""
    error_group: str | None = None
    updated_since: int | None = None
    updated_until: int | None = None
    started_since: int | None = None
    started_until: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    root: str | None = None
    """Only this family."""
    unsettled: bool = False
    """Leave out replays, and sagas whose family a replay has recovered."""


@dataclass(frozen=True, slots=True)
class SagaPage:
    """Some rows, newest change first, and where to go on; None: there are no more."""

    rows: list[SagaRow]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """A document with a version, for logs and journals."""

    kind: str
    id: str
    version: int
    saga: str | None
    at: int
    expires: int | None = None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store says of itself."""

    description: str
    sagas: int
    entries: int
    bytes: int
    schema: int
    details: dict[str, str] = field(default_factory=dict)


class Finding(NamedTuple):
    """One thing that was looked at in a store, and what to do about it; one sentence each."""

    level: Literal["ok", "warning", "error"]
    what: str
    advice: str = ""
