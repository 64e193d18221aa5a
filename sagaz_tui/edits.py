"""Edits staged for a replay: each one operation on the state at the replay's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jsonpointer import JsonPointer, JsonPointerException

from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING, Difference
from sagaz_tui.text import visible

if TYPE_CHECKING:
    from sagaz_core.replay.overrides import Override


@dataclass(frozen=True, slots=True, eq=False)
class StagedEdit:
    """One edit: what was typed, and what it does to the state it was read against.

    ``problem`` is why it does not fit the present replay start; empty: it fits.
    """

    text: str
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
        retyped = type(self.before) is not type(self.after) and None not in (
            self.before,
            self.after,
        )
        kind = "type_changed" if retyped else "changed"
        return Difference(self.pointer, kind, self.before, self.after)  # type: ignore[arg-type]


def read_edit(text: str, state: Mapping[str, Any], *, other_type: bool = False) -> StagedEdit:
    """Read one edit in the command line's grammar against a state.

    ``other_type`` lets the value have another type than the recorded one.

    Raises:
        OverrideError: it cannot be read, or does not fit; the sentence says why.
    """
    # Imported here: it is needed once somebody types, not to show a saga.
    from sagaz_core.replay.overrides import parse_override, read_override

    override = parse_override(text)
    pointer, after = read_override(override, dict(state), allow_type=other_type)
    before = value_at(state, pointer)
    return StagedEdit(text, override, pointer, before, after, other_type)


def value_at(state: Mapping[str, Any], pointer: str) -> Any:
    """Return the value at a JSON Pointer; MISSING if there is none."""
    try:
        return JsonPointer(pointer).resolve(state)
    except JsonPointerException:
        return MISSING


def check_again(edit: StagedEdit, state: Mapping[str, Any]) -> StagedEdit:
    """Read a staged edit against another state; one that does not fit keeps its place."""
    try:
        return read_edit(edit.text, state, other_type=edit.other_type)
    except OverrideError as error:
        return replace(edit, problem=str(error))


@dataclass(frozen=True, slots=True)
class EditLog:
    """The staged edits, with what they were before and what was taken back."""

    edits: tuple[StagedEdit, ...] = ()
    past: tuple[tuple[StagedEdit, ...], ...] = ()
    future: tuple[tuple[StagedEdit, ...], ...] = ()

    def staged(self, edit: StagedEdit) -> EditLog:
        """Return the log with one edit more; it takes the place of one of the same pointer."""
        others = tuple(each for each in self.edits if each.pointer != edit.pointer)
        return EditLog((*others, edit), (*self.past, self.edits))

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

    def checked(self, state: Mapping[str, Any]) -> EditLog:
        """Return the log with every edit read against another state."""
        return replace(self, edits=tuple(check_again(edit, state) for edit in self.edits))


def completions(text: str, state: Mapping[str, Any]) -> list[str]:
    """Return the recorded places that what was typed may go on to, as far as the operator."""
    if "=" in text:
        return []
    if text.startswith("/"):
        parent, _, begun = text.rpartition("/")
        holder = value_at(state, parent) if parent else state
        return [f"{parent}/{part}" for part in _parts(holder) if part.startswith(begun)]
    return [f"{key}=" for key in sorted(state) if key.startswith(text) and visible(key) == key]


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
