"""Going through a value and replacing the secrets in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Path = tuple[str, ...]


def replace_inside(value: Any, path: Path, found: Callable[[Any, Path], Any]) -> Any:
    """Return a value with some of its parts replaced; what holds none is returned as it is.

    Args:
        value: a stored value; not changed.
        path: the keys and indices that lead to it.
        found: returns what shall stand in the place of a value, given its path too; the value
            itself where its parts are to be asked for instead.
    """
    replaced = found(value, path)
    if replaced is not value:
        return replaced
    kind = type(value)
    if kind is dict:
        parts = {key: replace_inside(each, (*path, key), found) for key, each in value.items()}
        return parts if any(parts[key] is not value[key] for key in value) else value
    if kind is list or kind is tuple:
        items = [
            replace_inside(each, (*path, str(index)), found) for index, each in enumerate(value)
        ]
        if any(new is not old for new, old in zip(items, value, strict=True)):
            return kind(items)
    return value
