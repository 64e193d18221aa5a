"""Which items of two lists belong together, so that an insertion reads as one line."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

Pair = tuple[int | None, int | None]
"""Positions before and after; None: the item has no counterpart there."""
Likeness = Callable[[int, int], float]
"""How alike two unequal items are, 0 to 1, by their positions before and after."""

EXACT_CELLS: Final = 250_000
"""Stretches up to this size (items × items) go to difflib, whose work grows with the product."""
ROUNDS: Final = 8
"""How often longer stretches are cut at the items that occur once on both sides."""
LIKENESS_CELLS: Final = 400
"""Replaced stretches up to this size are paired by how alike their items are."""


def align(
    before: Sequence[Hashable], after: Sequence[Hashable], likeness: Likeness
) -> Iterator[Pair]:
    """Pair the items of two lists, in order, so that as many equal ones meet as can be found.

    ``before`` and ``after`` are fingerprints: equal exactly when the items are.
    """
    numbers: dict[Hashable, int] = {}
    old = [numbers.setdefault(item, len(numbers)) for item in before]
    new = [numbers.setdefault(item, len(numbers)) for item in after]
    old_at = new_at = 0
    for old_from, new_from, length in [*_matches(old, new), (len(old), len(new), 0)]:
        yield from _pair_unequal(old_at, old_from, new_at, new_from, likeness)
        yield from ((old_from + step, new_from + step) for step in range(length))
        old_at, new_at = old_from + length, new_from + length


_Match = tuple[int, int, int]
"""Where an equal stretch begins before and after, and its length."""


def _matches(old: Sequence[int], new: Sequence[int], rounds: int = ROUNDS) -> Iterator[_Match]:
    shorter = min(len(old), len(new))
    head = _common(old, new, shorter)
    tail = _common(old[::-1], new[::-1], shorter - head)
    old_end, new_end = len(old) - tail, len(new) - tail
    yield 0, 0, head
    inner = _inner_matches(old[head:old_end], new[head:new_end], rounds)
    for old_from, new_from, length in inner:
        yield head + old_from, head + new_from, length
    yield old_end, new_end, tail


def _common(old: Sequence[int], new: Sequence[int], limit: int) -> int:
    for index in range(limit):
        if old[index] != new[index]:
            return index
    return limit


def _inner_matches(old: Sequence[int], new: Sequence[int], rounds: int) -> Iterator[_Match]:
    if len(old) * len(new) <= EXACT_CELLS:
        yield from SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        return
    anchors = _anchors(old, new) if rounds else []
    if not anchors:
        return
    old_at = new_at = 0
    for old_anchor, new_anchor in [*anchors, (len(old), len(new))]:
        between = _matches(old[old_at:old_anchor], new[new_at:new_anchor], rounds - 1)
        for old_from, new_from, length in between:
            yield old_at + old_from, new_at + new_from, length
        yield old_anchor, new_anchor, int(old_anchor < len(old))
        old_at, new_at = old_anchor + 1, new_anchor + 1


def _anchors(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """Items that occur once on both sides, as many of them as keep their order."""
    old_count, new_count = Counter(old), Counter(new)
    place = {item: index for index, item in enumerate(new) if new_count[item] == 1}
    pairs = [
        (index, place[item])
        for index, item in enumerate(old)
        if old_count[item] == 1 and item in place
    ]
    return _longest_increasing(pairs)


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    ends: list[int] = []
    end_pairs: list[int] = []
    previous: list[int | None] = []
    for index, (_, position) in enumerate(pairs):
        length = bisect_left(ends, position)
        previous.append(end_pairs[length - 1] if length else None)
        ends[length : length + 1] = [position]
        end_pairs[length : length + 1] = [index]
    chosen: list[tuple[int, int]] = []
    at = end_pairs[-1] if end_pairs else None
    while at is not None:
        chosen.append(pairs[at])
        at = previous[at]
    return chosen[::-1]


def _pair_unequal(
    old_from: int, old_to: int, new_from: int, new_to: int, likeness: Likeness
) -> Iterator[Pair]:
    old, new = range(old_from, old_to), range(new_from, new_to)
    if old and new and len(old) * len(new) <= LIKENESS_CELLS and (len(old), len(new)) != (1, 1):
        yield from _pair_alike(old, new, likeness)
        return
    both = min(len(old), len(new))
    yield from zip(old[:both], new[:both], strict=True)
    yield from ((index, None) for index in old[both:])
    yield from ((None, index) for index in new[both:])


def _pair_alike(old: range, new: range, likeness: Likeness) -> Iterator[Pair]:
    """Pair in order so that the sum of likeness is greatest; an unlike pair still beats none."""
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    worth = [[likeness(i, j) + 0.01 for j in new] for i in old]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], worth[i][j] + best[i + 1][j + 1])
    i = j = 0
    while i < len(old) and j < len(new):
        if best[i][j] == worth[i][j] + best[i + 1][j + 1]:
            yield old[i], new[j]
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            yield old[i], None
            i += 1
        else:
            yield None, new[j]
            j += 1
    yield from ((index, None) for index in old[i:])
    yield from ((None, index) for index in new[j:])
