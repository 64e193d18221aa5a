"""What can be done on a screen, by name: what its keys do, files, the themes, and the zones."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_tui.keys.table import KEYS, Where, shown_keys


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be done. ``call`` is the action in Textual's notation."""

    text: str
    keys: str
    call: str
    id: str = ""


_ZONES: Final = (
    Command("times in this machine's zone", "", "app.use_zone(False)", "local"),
    Command("times in UTC", "", "app.use_zone(True)", "utc"),
)
_EDIT: Final = "debugger.edit"
_EDITS_IN_FILES: Final = (
    Command("load FILE: stage the edits that are in a file", "", "edit(':load ')", _EDIT),
    Command("save FILE: keep the staged edits in a new file", "", "edit(':save ')", _EDIT),
)
"""Typed in the edit line, so they mean something where it does."""


def commands_for(
    place: Where,
    remapped: Mapping[str, str],
    themes: Sequence[str] = (),
    leave_out: Container[str] = (),
) -> list[Command]:
    """Return what can be done at a place, what its own keys do first.

    Args:
        place: where the person is.
        remapped: the settings' remapping of keys.
        themes: what the colours are called.
        leave_out: ids of commands that mean nothing there.
    """
    found = [*_by_keys(place, remapped), *_by_theme(themes), *_ZONES]
    return [each for each in found if each.id not in leave_out]


def _by_keys(place: Where, remapped: Mapping[str, str]) -> Iterator[Command]:
    for where in dict.fromkeys((place, "everywhere")):
        for key in KEYS:
            if key.where == where and key.id != "palette":
                keys = "  ".join(shown_keys(key, remapped))
                yield Command(key.help, keys, key.call, key.id)
                if key.id == _EDIT:
                    yield from _EDITS_IN_FILES


def _by_theme(themes: Sequence[str]) -> Iterator[Command]:
    for name in themes:
        yield Command(f"theme {name.removeprefix('sagaz-')}", "", f"app.use_theme({name!r})", name)


def matching(commands: Sequence[Command], typed: str) -> list[Command]:
    """Return the commands that have all of the typed words in them, what begins so first."""
    words = typed.casefold().split()
    found = [
        each
        for each in commands
        if all(word in f"{each.text} {each.id}".casefold() for word in words)
    ]
    start = " ".join(words)
    return sorted(found, key=lambda each: not each.text.casefold().startswith(start))
