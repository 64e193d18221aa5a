"""A list of step names as one state of a chain sees it: lists that grow share their beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class Names(Sequence[str]):
    """A list that never changes; :meth:`then` makes the next one without copying this one.

    A saga of 100,000 steps has a list as long in each of its states, and a state is read through
    hundreds of others.
    """

    __slots__ = ("_length", "_shared")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._shared = list(names)
        self._length = len(self._shared)

    @classmethod
    def of(cls, names: list[str]) -> Names:
        """Return a list that nobody else holds as one of these, without copying it."""
        taken = cls()
        taken._shared, taken._length = names, len(names)
        return taken

    def then(self, kept: int, following: Iterable[str]) -> Names:
        """Return the list of the first ``kept`` names and those that follow."""
        kept = min(kept, self._length)
        # Beyond its own end none of them looks.
        shared = self._shared if kept == len(self._shared) else self._shared[:kept]
        shared += following
        return Names.of(shared)

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
        shared = self._shared
        return shared if len(shared) == self._length else shared[: self._length]
