"""Edits of secrets: which they are, what they are checked against, and what they are shown as."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sagaz_core.errors import OverrideError, SagazError
from sagaz_core.model import Masked
from sagaz_core.replay.overrides import Operation, read_override
from sagaz_core.replay.pointer import split_pointer, to_pointer, value_at
from sagaz_tui.edits.staged import EditLog, StagedEdit, read_again
from sagaz_tui.showing.holding_secrets import holds_secret

if TYPE_CHECKING:
    from sagaz_core.compliance.fields import SensitiveFields
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.edits.base import EditBase
    from sagaz_tui.edits.context_model import ContextModel


@dataclass(frozen=True, slots=True, eq=False)
class KnownSecrets:
    """What is known to be a secret without asking the store.

    Args:
        fields: what the settings say.
        state: the recorded one, with a mask for each secret.
        edits: what is staged.
    """

    fields: SensitiveFields
    state: Mapping[str, Any]
    edits: Sequence[StagedEdit]

    def are_at(self, pointer: str) -> bool:
        """Whether what is recorded or staged at a pointer is a secret, or holds one."""
        staged = [each.after for each in self.edits if each.pointer == pointer]
        with suppress(OverrideError):
            return self.fields.hold(split_pointer(pointer)) or holds_secret(
                [value_at(self.state, pointer), staged]
            )
        return False


def is_typed_blind(text: str, secrets: KnownSecrets) -> bool:
    """Whether the value in what is typed is a secret, or may hold one."""
    place, equals, raw = text.partition("=")
    if not equals or place in ("", ":"):
        return False
    pointer = to_pointer(place.removesuffix(":"))
    if secrets.are_at(pointer):
        return True
    key = pointer.partition("/")[2].partition("/")[0]
    is_container = raw.lstrip().startswith(("{", "["))
    return is_container and secrets.fields.may_be_inside(key, raw.encode())


@dataclass(frozen=True, slots=True, eq=False)
class PlainStart:
    """A replay's start as it was recorded, its secrets too. Kept while an edit is typed."""

    state: Mapping[str, Any] = field(repr=False)
    context: Mapping[str, Any] = field(repr=False)
    """The state without the results of steps."""


async def look_behind_masks(storage: SnapshotStorage | None, base: EditBase) -> PlainStart | None:
    """Return a start as it was recorded; None: it cannot be read, or its key is missing."""
    if not holds_secret(base.state):
        return PlainStart(base.state, base.context)
    if storage is None:
        return None
    try:
        snapshot = await storage.get_checkpoint(base.saga_id, base.sequence)
    except SagazError:
        # Whoever runs the replay checks its edits too.
        return None
    return PlainStart(snapshot.state, snapshot.context)


def operation_of(edit: StagedEdit, plain: PlainStart | None) -> Operation:
    """Return an edit's pointer and the value that it sets, which may be a secret.

    Raises:
        OverrideError: it cannot be read.
    """
    if not holds_secret(edit.after):
        return edit.pointer, edit.after
    return read_override(edit.override, plain.state if plain else {}, allow_type=True)


async def with_mask(
    storage: SnapshotStorage, edit: StagedEdit, plain: PlainStart | None
) -> StagedEdit:
    """Return an edit with the mask that the store has for its secret, if it has none yet."""
    if not (isinstance(edit.after, Masked) and not edit.after.fingerprint):
        return edit
    try:
        pointer, value = operation_of(edit, plain)
        shown = await storage.mask(split_pointer(pointer), value)
    except SagazError:
        # The file with it is gone, or the store is out of reach: it stays as it is.
        return edit
    # Where the settings do not say so, what is recorded there may be a secret all the same.
    return replace(edit, after=shown) if holds_secret(shown) else edit


async def checked_secrets(
    storage: SnapshotStorage, log: EditLog, base: EditBase, plain: PlainStart | None
) -> Callable[[StagedEdit], StagedEdit]:
    """Return what gives each edit of a log its mask, and says which do not fit."""
    every = [each for edits in (log.edits, *log.past, *log.future) for each in edits]
    shown = {id(each): await with_mask(storage, each, plain) for each in every}

    def checked(edit: StagedEdit) -> StagedEdit:
        edit = shown.get(id(edit), edit)
        if plain is None or not holds_secret(edit.after):
            return edit
        again = read_again(edit, base.state, plain.state)
        return edit if again.problem == edit.problem else again

    return checked


async def objection_to(
    storage: SnapshotStorage | None,
    model: ContextModel,
    plain: PlainStart,
    edits: Sequence[StagedEdit],
) -> str:
    """Return what a model has against the last of some edits; empty: nothing.

    No secret is in it, though the model is asked about the secrets themselves.
    """
    try:
        operations = [operation_of(each, plain) for each in edits]
        said = await model.objection(plain.context, operations, edits[-1].pointer)
        if said and storage is not None:
            states = [_state(*operation) for operation in operations]
            said = await storage.strike_secrets(said, plain.state, *states)
    except SagazError:
        return ""
    return said


def _state(pointer: str, value: Any) -> dict[str, Any]:
    """A state with one value at its place."""
    for token in reversed(split_pointer(pointer)):
        value = {token: value}
    return dict(value)
