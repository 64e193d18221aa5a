"""JSON Pointers into a context: taken apart, put together, looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jsonpointer import JsonPointer, JsonPointerException, escape

from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING


def to_pointer(place: str) -> str:
    """Return the JSON Pointer of a top-level key; a text that is a pointer already stays so."""
    return place if place.startswith("/") else "/" + escape(place)


def key_pointer(key: str) -> str:
    """Return the JSON Pointer of a top-level key, taken literally."""
    return "/" + escape(key)


def join_pointer(tokens: Iterable[str]) -> str:
    """Return the JSON Pointer of these keys and indexes."""
    return "".join("/" + escape(token) for token in tokens)


def split_pointer(pointer: str) -> list[str]:
    """Return the keys and indexes of a JSON Pointer; raises OverrideError if it is none."""
    try:
        return list(_tokens(pointer))
    except JsonPointerException:
        raise OverrideError(
            f"{pointer!r} is no JSON Pointer; write it as /cart/0/qty, with ~1 for / and ~0 for ~ "
            "inside a key"
        ) from None


@lru_cache(maxsize=64)
def _tokens(pointer: str) -> tuple[str, ...]:
    # A plan takes its few pointers apart again and again, and so does the next one of a batch.
    return tuple(JsonPointer(pointer).parts)


def value_at(state: Any, pointer: str) -> Any:
    """Return what stands at a pointer, or :data:`MISSING`."""
    node = state
    for token in split_pointer(pointer):
        if isinstance(node, Mapping):
            node = node.get(token, MISSING)
        elif isinstance(node, list | tuple) and is_index(token) and int(token) < len(node):
            node = node[int(token)]
        else:
            return MISSING
    return node


def is_index(token: str) -> bool:
    """Whether a token can be the index of a list."""
    digits = token.isascii() and token.isdigit() and len(token) < 19
    return digits and (token == "0" or token[0] != "0")
