"""A list of step names as one state of a chain sees it: lists that grow share their beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

import ormsgpack

_LONG: Final = 500
"""More names than these are stored so that they need not be read with the rest of a state."""


class _Beginning:
    """Names as they are stored, made into a list when somebody asks for one."""

    __slots__ = ("_packed", "count", "names_read")

    def __init__(self, count: int, packed: bytes) -> None:
        self.count = count
        self._packed = packed
        self.names_read: list[str] | None = None

    def names(self) -> list[str]:
        if self.names_read is None:
            self.names_read = ormsgpack.unpackb(self._packed)
        return self.names_read


class Names(Sequence[str]):
    """A list that never changes; :meth:`then` makes the next one without copying this one.

    A saga of 100,000 steps has a list as long in each of its states, and a state is read through
    hundreds of others.
    """

    __slots__ = ("_beginning", "_length", "_shared")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._beginning: _Beginning | None = None
        self._shared = list(names)
        self._length = len(self._shared)

    @classmethod
    def read(cls, stored: list[Any]) -> Names:
        """Undo :func:`store_names`; the list is nobody else's from then on."""
        read = cls()
        if stored and isinstance(stored[0], int):
            read._beginning = _Beginning(*stored)
            read._length = read._beginning.count
        else:
            read._shared, read._length = stored, len(stored)
        return read

    def then(self, kept: int, following: Iterable[str]) -> Names:
        """Return the list of the first ``kept`` names and those that follow."""
        beginning = self._beginning
        before = 0 if beginning is None else beginning.count
        if kept < before:
            return Names([*self._names()[:kept], *following])
        kept = min(kept, self._length) - before
        after = Names()
        after._beginning = beginning
        # Beyond its own end none of them looks.
        after._shared = self._shared if kept == len(self._shared) else self._shared[:kept]
        after._shared += following
        after._length = before + len(after._shared)
        return after

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._names()[index]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _names(self) -> list[str]:
        shared, beginning = self._shared, self._beginning
        own = self._length - (0 if beginning is None else beginning.count)
        if len(shared) != own:
            shared = shared[:own]
        return shared if beginning is None else beginning.names() + shared


def store_names(names: Sequence[str]) -> list[Any]:
    """Return what to store of names: themselves, or of many their number and one packed value."""
    return [len(names), ormsgpack.packb(list(names))] if len(names) > _LONG else list(names)
