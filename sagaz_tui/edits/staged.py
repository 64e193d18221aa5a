"""Edits staged for a replay: each one operation on the state at the replay's start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagaz_core.compliance.fields import NO_FIELDS, SensitiveFields
from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING, Difference, DifferenceKind, Masked
from sagaz_core.replay.overrides import (
    Override,
    apply_overrides,
    parse_override,
    read_override,
)
from sagaz_core.replay.pointer import key_pointer, value_at
from sagaz_tui.edits.setting_secrets import is_sensitive
from sagaz_tui.showing.holding_secrets import holds_secret
from sagaz_tui.showing.text import visible


@dataclass(frozen=True, slots=True, eq=False)
class StagedEdit:
    """One edit: what was typed, and what it does to the state it was read against.

    ``problem`` says why it no longer fits, once the replay start has moved.
    """

    override: Override
    pointer: str
    before: Any
    after: Any
    other_type: bool = False
    problem: str = ""

    @property
    def difference(self) -> Difference:
        """The edit as a line of a diff."""
        if self.before is MISSING:
            return Difference(self.pointer, "added", after=self.after)
        typed = self.before is not None and self.after is not None
        retyped = typed and type(self.before) is not type(self.after)
        kind: DifferenceKind = "type_changed" if retyped else "changed"
        return Difference(self.pointer, kind, self.before, self.after)


def read_edit(
    text: str,
    state: Mapping[str, Any],
    fields: SensitiveFields = NO_FIELDS,
    *,
    other_type: bool = False,
    plain: Mapping[str, Any] | None = None,
) -> StagedEdit:
    """Read one edit in the command line's grammar against a state.

    Args:
        text: what was typed.
        state: as it is shown: with a mask for each secret.
        fields: what they call a secret is staged as a mask, as is what replaces one.
        other_type: let the value have another type than the recorded one.
        plain: the state as it was recorded; None: the types of its secrets are not known.

    Raises:
        OverrideError: it cannot be read, or does not fit; the sentence says why.
    """
    return read_staged(parse_override(text), state, fields, other_type=other_type, plain=plain)


def read_staged(
    override: Override,
    state: Mapping[str, Any],
    fields: SensitiveFields = NO_FIELDS,
    *,
    other_type: bool = False,
    plain: Mapping[str, Any] | None = None,
) -> StagedEdit:
    """Read one edit against a state, as :func:`read_edit` does.

    Raises:
        OverrideError: it does not fit; the sentence says why.
    """
    replaces_secret = holds_secret(value_at(state, override.pointer))
    recorded = (plain or {}) if replaces_secret else state
    pointer, after = read_override(override, recorded, allow_type=other_type)
    before = value_at(state, pointer)
    takes_any_key = isinstance(value_at(state, pointer.rpartition("/")[0]), dict)
    if before is MISSING and not takes_any_key:
        # Raises, with the reason, if there is no place for it. It copies what it is given, so
        # that is no more than the branch in question.
        branch = next((key for key in state if pointer.startswith(key_pointer(key) + "/")), "")
        keys = {**dict.fromkeys(state), branch: state.get(branch)} if branch else state
        apply_overrides(keys, [(pointer, after)])
    if replaces_secret or is_sensitive(fields, pointer, after):
        after = Masked(len(str(after)), b"")
    return StagedEdit(override, pointer, before, after, other_type)


def read_all(
    overrides: Iterable[Override],
    state: Mapping[str, Any],
    fields: SensitiveFields = NO_FIELDS,
    *,
    other_type: bool = False,
    plain: Mapping[str, Any] | None = None,
) -> list[StagedEdit]:
    """Read edits against a state: all of them, or none.

    Raises:
        OverrideError: one does not fit; the sentence says which and why.
    """
    return [
        read_staged(each, state, fields, other_type=other_type, plain=plain) for each in overrides
    ]


def read_again(
    edit: StagedEdit, state: Mapping[str, Any], plain: Mapping[str, Any] | None = None
) -> StagedEdit:
    """Return an edit as it is for another state; one that does not fit there says why."""
    try:
        again = read_staged(edit.override, state, other_type=edit.other_type, plain=plain)
    except OverrideError as error:
        return replace(edit, problem=str(error))
    # What was typed as a secret stays one, also where none was recorded yet.
    return replace(again, after=edit.after) if holds_secret(edit.after) else again


@dataclass(frozen=True, slots=True)
class EditLog:
    """The staged edits, with what they were before and what was taken back."""

    edits: tuple[StagedEdit, ...] = ()
    past: tuple[tuple[StagedEdit, ...], ...] = ()
    future: tuple[tuple[StagedEdit, ...], ...] = ()

    def staged(self, *edits: StagedEdit) -> EditLog:
        """Return the log with more edits; each takes the place of one of the same pointer.

        They are one change: taken back, they are all gone.
        """
        by_pointer = {each.pointer: each for each in self.edits}
        for edit in edits:
            by_pointer.pop(edit.pointer, None)
            by_pointer[edit.pointer] = edit
        return EditLog(tuple(by_pointer.values()), (*self.past, self.edits))

    def read_again(
        self, state: Mapping[str, Any], plain: Mapping[str, Any] | None = None
    ) -> EditLog:
        """Return the log with every edit read against another state."""
        return self.changed(lambda edit: read_again(edit, state, plain))

    def changed(self, change: Callable[[StagedEdit], StagedEdit]) -> EditLog:
        """Return the log with every edit, those taken back too, as a function makes it."""

        def each(edits: tuple[StagedEdit, ...]) -> tuple[StagedEdit, ...]:
            return tuple(map(change, edits))

        return EditLog(each(self.edits), tuple(map(each, self.past)), tuple(map(each, self.future)))

    def undone(self) -> EditLog:
        """Return the log as it was before the last change."""
        if not self.past:
            return self
        return EditLog(self.past[-1], self.past[:-1], (self.edits, *self.future))

    def redone(self) -> EditLog:
        """Return the log as it was before the last undo."""
        if not self.future:
            return self
        return EditLog(self.future[0], (*self.past, self.edits), self.future[1:])


def completions(text: str, state: Mapping[str, Any], fields: Collection[str] = ()) -> list[str]:
    """Return the places that what was typed may go on to, as far as the operator.

    They are those that were recorded, and the top-level ``fields`` besides.
    """
    if "=" in text:
        return []
    if text.startswith("/"):
        parent, _, begun = text.rpartition("/")
        try:
            holder = value_at(state, parent)
        except OverrideError:
            return []
        return [f"{parent}/{part}" for part in _parts(holder) if part.startswith(begun)]
    keys = sorted({*state, *fields})
    return [f"{key}=" for key in keys if key.startswith(text) and visible(key) == key]


def _parts(holder: Any) -> list[str]:
    if isinstance(holder, dict):
        return sorted(key.replace("~", "~0").replace("/", "~1") for key in holder)
    if isinstance(holder, (list, tuple)):
        return [str(index) for index in range(len(holder))]
    return []


def common_start(choices: list[str]) -> str:
    """Return what all choices, of which there is at least one, begin with."""
    first, last = min(choices), max(choices)
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return first[:same]
