"""A checkpoint's context and results as rows of a tree, built only as far as they are unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from jsonpointer import escape

from sagaz_core.model import MISSING, Difference
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import value_text

Path = tuple[str | int, ...]
"""Where a value is: keys and list indexes from the top."""
Change = Literal["added", "changed"]

PAGE: Final = 200
MAX_ROWS: Final = 10_000
_SMALL: Final = 8
_LONGEST_LABEL: Final = 500
_FOUND_AT_MOST: Final = 1_000
_TEXT_SEARCHED: Final = 10_000


class Undone(NamedTuple):
    """At which checkpoint a step's compensation ended, and whether it failed."""

    sequence: int
    failed: bool


@dataclass(frozen=True, slots=True, eq=False)
class ContextState:
    """What the context pane shows: one checkpoint's state and where its keys come from.

    Compared by identity: contexts may be large, and ``1 == True``.
    """

    sequence: int = 0
    context: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Difference, ...] = ()
    """What this checkpoint changed."""
    set_at: Mapping[str, int] = field(default_factory=dict)
    """Top-level key to the checkpoint that set it last."""
    undone: Mapping[str, Undone] = field(default_factory=dict)
    """Steps whose compensation has ended by now."""
    conflicts: frozenset[str] = frozenset()
    """Keys that two parallel branches had set."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Steps that a replay restored, to the saga in which they ran."""
    kept: frozenset[str] = frozenset()
    """Steps that a replay restored in name only."""

    @property
    def added(self) -> int:
        """How many top-level keys this checkpoint brought."""
        added = [change.path for change in self.changes if change.kind == "added"]
        return sum(path.count("/") == 1 for path in added)

    def top(self) -> Iterator[tuple[str, Any]]:
        """Give the top level: keys by name, then results in the order of their steps."""
        for key in sorted(self.context, key=lambda key: (key.casefold(), key)):
            if key not in self.results:
                yield key, self.context[key]
        yield from self.results.items()

    def value_at(self, path: Path) -> Any:
        """Return the value at a path; MISSING if there is none."""
        value: Any = {**self.context, **self.results}
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return MISSING
        return value


@dataclass(frozen=True, slots=True)
class Folding:
    """Which containers are open: ``default`` for all, and the exceptions a person made."""

    default: Literal["results", "open", "closed"] = "results"
    """``results``: those of the steps, if they are short."""
    exceptions: Mapping[Path, bool] = field(default_factory=dict)
    shown: Mapping[Path, int] = field(default_factory=dict)
    """How many children of a long container are shown; a page if not told."""

    def is_open(self, path: Path, value: Any, *, result: bool) -> bool:
        """Whether the container at ``path``, perhaps a step's result, shows its children."""
        known = self.exceptions.get(path)
        if known is not None:
            return known
        if self.default == "results":
            return result and len(value) <= _SMALL
        return self.default == "open"

    def turned(self, path: Path, *, open: bool) -> Folding:
        """Return the folding with one container opened or closed."""
        return Folding(self.default, {**self.exceptions, path: open}, self.shown)

    def with_more(self, path: Path) -> Folding:
        """Return the folding with one more page of a container's children."""
        shown = self.shown.get(path, PAGE) + PAGE
        return Folding(self.default, self.exceptions, {**self.shown, path: shown})

    def revealing(self, path: Path) -> Folding:
        """Return the folding with everything above ``path`` open, as far as it takes."""
        exceptions, shown = dict(self.exceptions), dict(self.shown)
        for depth in range(1, len(path)):
            exceptions[path[:depth]] = True
            part = path[depth]
            if isinstance(part, int) and part >= shown.get(path[:depth], PAGE):
                shown[path[:depth]] = part + 1
        return Folding(self.default, exceptions, shown)


class Row(NamedTuple):
    """One row: a value, or the offer to show ``more`` of a container's children."""

    path: Path
    label: str
    value: Any
    open: bool | None = None
    """None: the value has no children."""
    change: Change | None = None
    more: int = 0
    pinned: bool = False

    @property
    def depth(self) -> int:
        """How far it is indented."""
        return len(self.path) - 1


def pointer_of(path: Path) -> str:
    """Return a path as a JSON Pointer."""
    return "".join(f"/{escape(str(part))}" for part in path)


def has_children(value: Any) -> bool:
    """Whether a value can be unfolded."""
    return isinstance(value, (dict, list, tuple)) and bool(value)


def rows_of(state: ContextState, folding: Folding, pins: Sequence[str] = ()) -> list[Row]:
    """Return the rows in sight of a person who scrolls, at most ``MAX_ROWS``.

    The keys of ``pins`` come first, in their order, whether or not the checkpoint has them.
    """
    marks = _Marks(state.changes)
    values = dict(state.top())
    pinned = [(key, values.pop(key, MISSING)) for key in pins]
    top = [*pinned, *values.items()]
    rows: list[Row] = []
    for row in _rows(top, (), folding, marks, None, state.results):
        pinned_here = row.depth == 0 and row.path[0] in pins
        rows.append(row._replace(pinned=True) if pinned_here else row)
        if len(rows) >= MAX_ROWS:
            break
    return rows


class _Marks:
    """Looks up whether a place, or one below it, has changed."""

    def __init__(self, changes: Sequence[Difference]) -> None:
        self._at: dict[str, Change] = {}
        self._above: set[str] = set()
        for change in changes:
            if change.kind != "removed":
                self._at[change.path] = "added" if change.kind == "added" else "changed"
            parent = change.path.rpartition("/")[0]
            while parent and parent not in self._above:
                self._above.add(parent)
                parent = parent.rpartition("/")[0]

    def of(self, pointer: str) -> Change | None:
        return self._at.get(pointer) or ("changed" if pointer in self._above else None)


def _rows(
    items: Sequence[tuple[str | int, Any]],
    parent: Path,
    folding: Folding,
    marks: _Marks,
    inherited: Change | None,
    results: Mapping[str, Any],
) -> Iterator[Row]:
    limit = folding.shown.get(parent, PAGE) if parent else len(items)
    for part, value in items[:limit]:
        path = (*parent, part)
        change = inherited or marks.of(pointer_of(path))
        nested = has_children(value)
        open = folding.is_open(path, value, result=path[-1] in results) if nested else None
        yield Row(path, visible(str(part)[:_LONGEST_LABEL]), value, open, change)
        if open:
            below: Change | None = "added" if change == "added" else None
            yield from _rows(_children(value), path, folding, marks, below, {})
    if len(items) > limit:
        yield Row((*parent, "…"), "…", MISSING, more=len(items) - limit)


def _children(value: Any) -> list[tuple[str | int, Any]]:
    return list(value.items()) if isinstance(value, dict) else list(enumerate(value))


def find_paths(state: ContextState, needle: str) -> list[Path]:
    """Return where ``needle`` occurs in a key or a value's text, in any case, in row order."""
    wanted = needle.casefold()
    found: list[Path] = []
    waiting: list[tuple[Path, Any]] = []
    waiting.extend(((key,), value) for key, value in reversed(list(state.top())))
    while waiting and wanted and len(found) < _FOUND_AT_MOST:
        path, value = waiting.pop()
        nested = has_children(value)
        text = "" if nested else value_text(value, _TEXT_SEARCHED)
        if wanted in str(path[-1]).casefold() or wanted in text.casefold():
            found.append(path)
        if nested:
            waiting += [((*path, part), child) for part, child in _children(value)][::-1]
    return found
