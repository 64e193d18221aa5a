"""Checks that the settings remap keys which are there, each to one meaning."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from textual.keys import _character_to_key

from sagaz_core.errors import UsageError
from sagaz_tui.keys.table import INSIDE, KEYS, PLACES, Where


def check_remap(remapped: Mapping[str, str]) -> None:
    """Refuse a remapping that names no row of the table or gives one key two meanings.

    Raises:
        UsageError: the sentence says which entry, and what to write instead.
    """
    known = {key.id for key in KEYS}
    for name in remapped:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "the help screen lists the names"
            raise UsageError(f"the settings remap {name!r}, which no key is called; {hint}")
    for where in PLACES:
        _check_place(where, remapped)


def _check_place(where: Where, remapped: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    around = {where, "everywhere", INSIDE.get(where, where)}
    for key in (key for key in KEYS if key.where in around):
        for name in remapped.get(key.id, key.keys).split(","):
            normal = _character_to_key(name.strip()) if len(name.strip()) == 1 else name.strip()
            other = taken.setdefault(normal, key.id)
            if other != key.id and (other in remapped or key.id in remapped):
                raise UsageError(
                    f"the settings give the key {name.strip()!r} to both {other!r} and "
                    f"{key.id!r}; remap one of them to another key"
                )
