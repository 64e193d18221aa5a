"""The checkpoints at which an expression becomes true, and the sagas of whose latest it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.model import Kind, SagaSnapshot, SagaSummary, Status
from sagaz_core.storage.reader import StoreReader

if TYPE_CHECKING:
    from sagaz_core.history.expression import Expression

TOGETHER: Final = 16
"""So many checkpoints are held, and evaluated in one go beside the event loop."""

Answer = bool | str
"""Whether an expression holds, or why it has no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A checkpoint at which an expression is true and at the one before it was not."""

    sequence: int
    snapshot_id: str
    created_at: datetime
    kind: Kind
    status: Status
    step_name: str | None


@dataclass(slots=True)
class Doubts:
    """Where an expression had no answer, which was taken for false."""

    count: int = 0
    first: str = ""
    """The first of them: a checkpoint or a saga, in words."""
    reason: str = ""
    """Why that had none."""

    def add(self, where: str, reason: str) -> None:
        """Count one more."""
        if not self.count:
            self.first, self.reason = where, reason
        self.count += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Where an expression became true in a saga's history."""

    saga_id: str
    expression: str
    matches: tuple[Match, ...]
    """In order; the first checkpoint is one if it is true there."""
    searched: int
    """How many checkpoints were looked at."""
    doubts: Doubts
    unknown_keys: dict[str, str]
    """The context's keys that it names and that no checkpoint has, with their place in it."""

    @property
    def first(self) -> Match | None:
        """Where it first became true; None: it never did."""
        return self.matches[0] if self.matches else None


@dataclass(slots=True)
class SagaFilter:
    """What was found out while sagas were filtered."""

    examined: int = 0
    """How many sagas' latest checkpoints were read."""
    doubts: Doubts = field(default_factory=Doubts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A few checkpoints, one after another, that a search has looked at."""

    sequence: int
    """The last of them."""
    count: int
    matches: tuple[Match, ...]


async def search(storage: StoreReader, saga_id: str, expression: str) -> SearchResult:
    """Find the checkpoints at which an expression becomes true.

    The history is read once, in order, and a few checkpoints are held at a time. The language
    is CEL. It has ``context`` and ``ctx`` (the context with each step's result under the step's
    name), ``step``, ``kind``, ``status``, ``seq``, ``error`` (type and first line of the
    message) and ``completed`` (names of steps); ``step`` and ``error`` are empty texts where
    there are none. A key that is not there makes an expression false.

    Raises:
        ExpressionError: it does not parse, names what there is not, or takes too long.
        SagaNotFoundError: there is no such saga.
        CorruptEntryError: a checkpoint cannot be decoded.
    """
    asked = _parsed(expression)
    await storage.get_existing_saga(saga_id)
    matches: list[Match] = []
    doubts = Doubts()
    unseen = set(asked.keys)
    searched = 0
    async for looked in search_on(storage, saga_id, asked, doubts=doubts, unseen=unseen):
        matches += looked.matches
        searched += looked.count
    return SearchResult(
        saga_id=saga_id,
        expression=expression,
        matches=tuple(matches),
        searched=searched,
        doubts=doubts,
        unknown_keys={key: asked.place(key) for key in sorted(unseen)},
    )


async def search_on(
    storage: StoreReader,
    saga_id: str,
    asked: Expression,
    *,
    after: int = 0,
    last: int | None = None,
    doubts: Doubts | None = None,
    unseen: set[str] | None = None,
) -> AsyncGenerator[Looked, None]:
    """Yield where an expression becomes true, a few checkpoints at a time, as they are read.

    Args:
        storage: where to look.
        saga_id: the saga.
        asked: the expression.
        after: from the checkpoint after this one on; what is true there already is no match.
        last: up to this checkpoint.
        doubts: takes in where there was no answer, if given.
        unseen: loses the keys that a checkpoint has, if given.

    Raises:
        ExpressionError: it takes too long.
        SagaNotFoundError: there is no such saga.
        CorruptEntryError: a checkpoint cannot be decoded.
    """
    held = False
    checkpoints = storage.masked.iter_checkpoints(
        saga_id, max(after, 1), last, steps=asked.asks_for_steps
    )
    async for some in _by_some(checkpoints):
        answers = await _evaluate(asked, [(snapshot, None) for snapshot in some])
        matches: list[Match] = []
        for snapshot, answer in zip(some, answers, strict=True):
            if unseen is not None:
                unseen.difference_update(snapshot.state)
            if isinstance(answer, str) and doubts is not None:
                doubts.add(f"#{snapshot.sequence}", answer)
            holds = answer is True
            if holds and not held and snapshot.sequence > after:
                matches.append(_match(snapshot))
            held = holds
        yield Looked(sequence=some[-1].sequence, count=len(some), matches=tuple(matches))


async def filter_sagas(
    storage: StoreReader, expression: str, found: SagaFilter | None = None, **filters: Any
) -> AsyncGenerator[SagaSummary, None]:
    """Yield the sagas of whose latest checkpoint an expression is true, newest change first.

    That checkpoint is read of each saga that the other filters leave, which takes as long as it
    takes; ask for no more than is needed. ``status`` is that of the saga as lists show it.

    Args:
        storage: where to look.
        expression: as for :func:`search`.
        found: counts what is looked at, if given.
        filters: those of ``SnapshotStorage.list_sagas``.

    Raises:
        ExpressionError: it does not parse, names what there is not, or takes too long.
    """
    asked = _parsed(expression)
    counted = found or SagaFilter()
    cursor: str | None = None
    while True:
        page = await storage.list_sagas(**filters, cursor=cursor, limit=TOGETHER)
        for saga in await those_where(storage, asked, page.sagas, counted):
            yield saga
        cursor = page.cursor
        if cursor is None:
            return


async def those_where(
    storage: StoreReader, asked: Expression, sagas: Sequence[SagaSummary], found: SagaFilter
) -> list[SagaSummary]:
    """Return those of some sagas of whose latest checkpoint an expression is true, in order.

    Args:
        storage: where to look.
        asked: the expression.
        sagas: as they were listed.
        found: counts what is looked at.

    Raises:
        ExpressionError: it takes too long.
    """
    true: list[SagaSummary] = []
    for start in range(0, len(sagas), TOGETHER):
        some = sagas[start : start + TOGETHER]
        read = await asyncio.gather(
            *(storage.masked.get_latest_snapshot(saga.saga_id) for saga in some)
        )
        # One that was removed in between has none.
        pairs = [(saga, latest) for saga, latest in zip(some, read, strict=True) if latest]
        answers = await _evaluate(asked, [(latest, saga.status) for saga, latest in pairs])
        for (saga, _), answer in zip(pairs, answers, strict=True):
            found.examined += 1
            if isinstance(answer, str):
                found.doubts.add(f"saga {saga.saga_id!r}", answer)
            elif answer:
                true.append(saga)
    return true


def _parsed(expression: str) -> Expression:
    # The language's library costs a quarter of a second at its import.
    from sagaz_core.history.expression import Expression

    return Expression(expression)


def _match(snapshot: SagaSnapshot) -> Match:
    return Match(
        sequence=snapshot.sequence,
        snapshot_id=snapshot.snapshot_id,
        created_at=snapshot.created_at,
        kind=snapshot.kind,
        status=snapshot.status,
        step_name=snapshot.step_name,
    )


async def _by_some(snapshots: AsyncIterator[SagaSnapshot]) -> AsyncIterator[list[SagaSnapshot]]:
    some: list[SagaSnapshot] = []
    async for snapshot in snapshots:
        some.append(snapshot)
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some


async def _evaluate(
    asked: Expression, some: Sequence[tuple[SagaSnapshot, Status | None]]
) -> list[Answer]:
    """Evaluate beside the event loop; being cancelled stops the evaluation too."""
    try:
        return await asyncio.to_thread(_answers, asked, some)
    except asyncio.CancelledError:
        asked.budget.stopped = True
        raise


def _answers(asked: Expression, some: Sequence[tuple[SagaSnapshot, Status | None]]) -> list[Answer]:
    from sagaz_core.history.expression import Unanswered

    answers: list[Answer] = []
    for snapshot, status in some:
        try:
            answers.append(asked.holds(snapshot, status))
        except Unanswered as reason:
            answers.append(str(reason))
    return answers
