"""Which sagas a person has marked: ids, whatever becomes of their rows."""

from __future__ import annotations

from collections.abc import Iterable


class Marks:
    """Ids in the order in which they were marked."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The marked ids."""
        return tuple(self._ids)

    def __contains__(self, saga_id: object) -> bool:
        return saga_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def turn(self, saga_id: str) -> None:
        """Mark a saga, or take its mark away."""
        if saga_id in self._ids:
            del self._ids[saga_id]
        else:
            self._ids[saga_id] = None

    def add(self, saga_ids: Iterable[str]) -> None:
        """Mark sagas; those that are marked stay where they are."""
        self._ids.update(dict.fromkeys(saga_ids))

    def clear(self) -> None:
        """Take all marks away."""
        self._ids.clear()
