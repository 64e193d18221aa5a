"""What an action gets: the saga's data as it was before the step, and a place for changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from sagaz_core.errors import UsageError
from sagaz_core.saga.copying import copy_value, is_atom, same


def check_key(key: object) -> None:
    """Raise :class:`UsageError` if ``key`` cannot be a key of a context."""
    if not isinstance(key, str):
        raise UsageError(f"a context key must be a text, not {key!r}; use str({key!r})")


class StepContext(MutableMapping[str, Any]):
    """The saga's context as one attempt of one step sees it.

    A mapping of the context's keys and, under their steps' names, the results so far. What is
    read is a copy; what the attempt changes, in place too, becomes the saga's only if the
    attempt succeeds. Results can be read and not changed.
    """

    __slots__ = (
        "_base",
        "_changes",
        "_copies",
        "_read",
        "_removed",
        "_results",
        "_steps",
        "attempt",
        "saga_id",
        "step",
    )

    def __init__(
        self,
        base: Mapping[str, Any],
        results: Mapping[str, Any],
        *,
        saga_id: str,
        step: str,
        attempt: int = 1,
        steps: frozenset[str] = frozenset(),
    ) -> None:
        """Look at ``base`` and ``results``, which must not change meanwhile.

        Args:
            steps: all names that are steps' and therefore cannot be keys.
        """
        self._base = base
        self._results = results
        self._steps = steps
        self._changes: dict[str, Any] = {}
        self._copies: dict[str, Any] = {}
        self._removed: set[str] = set()
        self._read: dict[str, None] = {}
        self.saga_id = saga_id
        """The id of the saga that runs."""
        self.step = step
        """The name of the step that runs, or that is being compensated."""
        self.attempt = attempt
        """Which try this is, from 1."""

    @property
    def idempotency_key(self) -> str:
        """A key for the outside world: the same for every attempt of this step in this saga."""
        return f"{self.saga_id}:{self.step}"

    def __getitem__(self, key: str) -> Any:
        if key in self._changes:
            return self._changes[key]
        if key in self._removed:
            raise KeyError(key)
        value = self._results[key] if key in self._results else self._base[key]
        self._read[key] = None
        if is_atom(value):
            return value
        if key not in self._copies:
            self._copies[key] = copy_value(value)
        return self._copies[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check_writable(key)
        self._changes[key] = value
        self._removed.discard(key)

    def __delitem__(self, key: str) -> None:
        self._check_writable(key)
        if key not in self:
            raise KeyError(key)
        self._changes.pop(key, None)
        self._copies.pop(key, None)
        if key in self._base:
            self._removed.add(key)

    def __contains__(self, key: object) -> bool:
        if key in self._changes:
            return True
        return key not in self._removed and (key in self._results or key in self._base)

    def __iter__(self) -> Iterator[str]:
        for key in self._base:
            if key not in self._removed:
                yield key
        for key in self._changes:
            if key not in self._base:
                yield key
        yield from self._results

    def __len__(self) -> int:
        new = sum(key not in self._base for key in self._changes)
        return len(self._base) - len(self._removed) + new + len(self._results)

    def __repr__(self) -> str:
        return f"<StepContext of {self.step!r} in {self.saga_id!r}: {', '.join(self)}>"

    def _check_writable(self, key: str) -> None:
        check_key(key)
        if key in self._steps:
            raise UsageError(
                f"{key!r} is the name of a step, where its result is read; "
                "return a value from that step instead, or use another key"
            )

    @property
    def keys_read(self) -> tuple[str, ...]:
        """The keys and results that were read, in the order of their first reading."""
        return tuple(self._read)

    def changed(self) -> dict[str, Any]:
        """Return what the attempt set or changed in place, copied."""
        changed = {}
        for key, value in self._copies.items():
            if key in self._results or key in self._changes or key in self._removed:
                continue
            if not same(self._base[key], value):
                changed[key] = copy_value(value)
        for key, value in self._changes.items():
            changed[key] = copy_value(value)
        return changed

    def removed(self) -> frozenset[str]:
        """Return the keys that the attempt removed."""
        return frozenset(self._removed)
