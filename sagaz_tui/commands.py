"""What can be done on a screen, by name: what its keys do, the themes, and the zones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_tui.keys import KEYS, Where, shown_keys


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


def commands_for(
    place: Where, remapped: Mapping[str, str], themes: Sequence[str] = ()
) -> list[Command]:
    """Return what can be done at a place, what its own keys do first."""
    return [*_by_keys(place, remapped), *_by_theme(themes), *_ZONES]


def _by_keys(place: Where, remapped: Mapping[str, str]) -> Iterator[Command]:
    for where in dict.fromkeys((place, "everywhere")):
        for key in KEYS:
            if key.where == where and key.id != "palette":
                keys = "  ".join(shown_keys(key, remapped))
                yield Command(key.help, keys, key.call, key.id)


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
