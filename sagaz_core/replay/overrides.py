"""Changes to a restored context: how they are written, read and applied.

One grammar for the command line and the edit line::

    key=text              read as the recorded type
    key:=JSON             JSON, taken as the recorded type where it fits
    key=@FILE             the file's text; bytes where bytes are recorded
    /cart/0/qty=2         any of these with a JSON Pointer instead of a top-level key
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING
from sagaz_core.replay.pointer import (
    is_index,
    join_pointer,
    split_pointer,
    to_pointer,
    value_at,
)
from sagaz_core.replay.value_reading import check_depth, read_json, read_text, untyped

Operator = Literal["=", ":=", "=@"]
Operation = tuple[str, Any]
"""A JSON Pointer, and the value to be there; :data:`MISSING` removes what is there."""


@dataclass(frozen=True, slots=True)
class Override:
    """One change as a person wrote it: where, how to read it, and the text."""

    pointer: str
    operator: Operator
    raw: str = field(repr=False)
    """It may be a secret: no traceback shows it."""

    def __str__(self) -> str:
        tokens = split_pointer(self.pointer)
        key = tokens[0] if len(tokens) == 1 else ""
        plain = key and not key.startswith("/") and not key.endswith(":") and "=" not in key
        place = key if plain else self.pointer
        return f"{place}{self.operator}{self.raw}"


def parse_override(text: str) -> Override:
    """Take ``key=value``, ``key:=JSON`` or ``key=@FILE`` apart; the key may be a pointer.

    Raises:
        OverrideError: it is none of these.
    """
    place, equals, raw = text.partition("=")
    if not equals or place in ("", ":"):
        # What was written may be a secret, or begin with one.
        wrong = "nothing before its" if equals else f"a text of length {len(text)} without an"
        raise OverrideError(
            f"this is no override: {wrong} equals sign; "
            "write key=value, key:=JSON, key=@FILE or /pointer:=JSON"
        )
    operator: Operator = "="
    if place.endswith(":"):
        place, operator = place[:-1], ":="
    elif raw.startswith("@"):
        raw, operator = raw[1:], "=@"
    return Override(to_pointer(place), operator, raw)


def read_override(
    override: Override, state: Mapping[str, Any], *, allow_type: bool = False
) -> Operation:
    """Return an override's pointer and its value, read as the type recorded there in ``state``.

    Raises:
        OverrideError: the JSON is none, the file cannot be read, or the value has another type
            than the recorded one and ``allow_type`` is not set.
    """
    recorded = value_at(state, override.pointer)
    try:
        value = _read(override, recorded)
    except OverrideError as error:
        raise OverrideError(f"{override.pointer}: {error}") from None
    mismatch = None if allow_type else type_mismatch(recorded, value)
    if mismatch:
        raise OverrideError(f"{override.pointer} {mismatch}; give that type, or allow another")
    return override.pointer, value


def apply_overrides(
    context: Mapping[str, Any], operations: Iterable[Operation], unset: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a copy of the context with values set, in order, and then others removed.

    Args:
        context: what the overrides are for; not changed.
        operations: pointers with their new values. What is not on their way is copied as it
            is, so that its types hold. ``-`` as a list's index appends.
        unset: top-level keys, or pointers, to remove.

    Raises:
        OverrideError: a pointer's parent is missing or cannot hold it, or there is nothing to
            remove.
    """
    changed: Any = deepcopy(dict(context))
    for pointer, value in [*operations, *((to_pointer(place), MISSING) for place in unset)]:
        check_depth(value)
        tokens = split_pointer(pointer)
        if not tokens:
            raise OverrideError(
                "an override cannot replace the whole context; name its keys, as in /key"
            )
        changed = _set(changed, tokens, 0, deepcopy(value))
    return dict(changed)


def type_mismatch(recorded: Any, value: Any) -> str | None:
    """Say how an override's type differs from the recorded one; None if it fits.

    Anything fits where nothing or None was recorded, None fits anywhere, and an int fits
    where a float was.
    """
    if untyped(recorded) or value is None or value is MISSING:
        return None
    if type(recorded) is type(value) or (type(recorded), type(value)) == (float, int):
        return None
    return f"is recorded as {type(recorded).__name__}, and the override is {_with_article(value)}"


def _read(override: Override, recorded: Any) -> Any:
    if override.operator == ":=":
        return read_json(override.raw, recorded)
    if override.operator == "=":
        return read_text(override.raw, recorded)
    try:
        content = Path(override.raw).read_bytes()
        return content if type(recorded) is bytes else read_text(content.decode(), recorded)
    except OSError as error:
        raise OverrideError(
            f"the file {override.raw!r} cannot be read ({error.strerror}); "
            ':="@text" gives a text that starts with @'
        ) from None
    except UnicodeDecodeError:
        raise OverrideError(
            f"the file {override.raw!r} is no UTF-8 text; only a value recorded as bytes can "
            "take it"
        ) from None


def _set(node: Any, tokens: Sequence[str], at: int, value: Any) -> Any:
    """Return ``node`` with ``value`` at the place the tokens from ``at`` name."""
    token, is_last = tokens[at], at == len(tokens) - 1
    if isinstance(node, dict):
        return _set_member(node, tokens, at, value)
    if not isinstance(node, list | tuple):
        raise OverrideError(
            f"{_joined(tokens, at + 1)}: its parent {_joined(tokens, at)} is "
            f"{_with_article(node)}, which has no parts to set; replace it as a whole"
        )
    items = list(node)
    if token == "-" and is_last and value is not MISSING:
        items.append(value)
    elif not is_index(token) or int(token) >= len(items):
        raise OverrideError(
            f"{_joined(tokens, at + 1)}: there is no item {token!r} in {_joined(tokens, at)}, "
            f"which has {len(items)}; use an index below that, or - to append"
        )
    elif not is_last:
        items[int(token)] = _set(items[int(token)], tokens, at + 1, value)
    elif value is MISSING:
        del items[int(token)]
    else:
        items[int(token)] = value
    return tuple(items) if isinstance(node, tuple) else items


def _set_member(node: dict[str, Any], tokens: Sequence[str], at: int, value: Any) -> Any:
    token, is_last = tokens[at], at == len(tokens) - 1
    if token not in node and (value is MISSING or not is_last):
        there = ", ".join(list(node)[:20]) or "nothing"
        raise OverrideError(
            f"{_joined(tokens)}: there is no {token!r} in {_joined(tokens, at) or 'the context'}; "
            f"it has {there}" + ("" if is_last else ", so set the parent first")
        )
    if not is_last:
        node[token] = _set(node[token], tokens, at + 1, value)
    elif value is MISSING:
        del node[token]
    else:
        node[token] = value
    return node


def _joined(tokens: Sequence[str], until: int | None = None) -> str:
    return join_pointer(tokens[:until])


def _with_article(value: Any) -> str:
    name = "null" if value is None else type(value).__name__
    return name if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
