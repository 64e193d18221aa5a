"""Which values of a context are secrets: by the name of their key, or by where they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sagaz_core.errors import UsageError

_ANY = "*"


class SensitiveFields:
    """The names and places of secrets. Both are exact: ``ssn`` is not ``ssn_hint``.

    Args:
        fields: names of keys at any depth (``"ssn"``), or JSON Pointers in which ``*`` stands
            for any one key or index (``"/cards/*/cvv"``).

    Raises:
        UsageError: one of them is empty, or no text.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        if isinstance(fields, str) or not isinstance(fields, Iterable):
            raise UsageError('sensitive_fields is a list of names; write ["ssn"]')
        for field in fields:
            if not isinstance(field, str):
                raise UsageError(f"a sensitive field is {field!r}; write its name as text")
            if not field or field == "/":
                raise UsageError("a sensitive field has no name; write ssn, or /cards/*/cvv")
        self._names = frozenset(field for field in fields if not field.startswith("/"))
        self._pointers = tuple(
            tuple(_unescape(token) for token in field[1:].split("/"))
            for field in fields
            if field.startswith("/")
        )
        self._encoded = tuple(name.encode() for name in self._names)

    def __bool__(self) -> bool:
        return bool(self._names or self._pointers)

    def hold(self, path: Sequence[str]) -> bool:
        """Whether the value at a path, or one that it is part of, is a secret."""
        if not self._names.isdisjoint(path):
            return True
        return any(
            len(pointer) <= len(path) and _fits(pointer, path[: len(pointer)])
            for pointer in self._pointers
        )

    def hold_value(self, path: Sequence[str], value: Any) -> bool:
        """Whether a value at a path is a secret as a whole.

        A set is, where one of its items is: they have no places of their own.
        """
        return self.hold(path) or (isinstance(value, set | frozenset) and self.reach_inside(path))

    def reach_inside(self, path: Sequence[str]) -> bool:
        """Whether a JSON Pointer names something inside the value at a path."""
        return any(
            len(pointer) > len(path) and _fits(pointer[: len(path)], path)
            for pointer in self._pointers
        )

    def may_be_inside(self, key: str, packed: bytes) -> bool:
        """Whether a secret may be inside the value of a top-level key; False is certain.

        Args:
            key: the key.
            packed: the value's bytes, in which the names of its keys occur as they are.
        """
        return any(name in packed for name in self._encoded) or any(
            pointer[0] in (key, _ANY) for pointer in self._pointers
        )


NO_FIELDS: Final = SensitiveFields(())


def _fits(pointer: Sequence[str], path: Sequence[str]) -> bool:
    return all(token in (_ANY, step) for token, step in zip(pointer, path, strict=True))


def _unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")
