"""A family as a tree: which replay grew from where, with what changed, by whom and why."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_core.model import PlannedOverride, SagaSummary
from sagaz_core.storage.reader import StoreReader

READ_TOGETHER: Final = 64
"""So many replays' logs are read at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One run of a family, and where it grew from."""

    saga: SagaSummary
    depth: int
    """0: it grew from nothing, or from a saga that is no longer in the store."""
    from_step: str | None = None
    """The step that it was to replay first; its checkpoint's step where no log tells; None: the
    run is no replay, or that checkpoint is gone too. The checkpoint's number is
    ``saga.parent_sequence``."""
    override: tuple[PlannedOverride, ...] = ()
    initiated_by: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """A family's tree in the order it is drawn: each run, then all that grew from it."""

    saga_id: str
    """The run that was asked for."""
    root_id: str
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class _Growth:
    """What is known of a replay besides its saga's row."""

    from_step: str | None = None
    override: tuple[PlannedOverride, ...] = ()
    initiated_by: str = ""
    reason: str | None = None


async def lineage(saga_id: str, storage: StoreReader) -> Lineage:
    """Return the tree of a saga's family, whichever member of it is named.

    Replays of one run stand in the order of their start. A run whose original is no longer in
    the store stands at the top, beside the root.

    Raises:
        SagaNotFoundError: there is no such saga.
    """
    saga = await storage.get_existing_saga(saga_id)
    family = await storage.list_family(saga.root_id)
    growths = await _read_growths(storage, [run for run in family if run.parent_id is not None])
    branches = tuple(_branch(run, depth, growths) for run, depth in _in_order(family))
    return Lineage(saga_id=saga_id, root_id=saga.root_id, branches=branches)


def _branch(run: SagaSummary, depth: int, growths: Mapping[str, _Growth]) -> Branch:
    growth = growths.get(run.saga_id, _Growth())
    return Branch(
        saga=run,
        depth=depth,
        from_step=growth.from_step,
        override=growth.override,
        initiated_by=growth.initiated_by,
        reason=growth.reason,
    )


async def _read_growths(storage: StoreReader, replays: Sequence[SagaSummary]) -> dict[str, _Growth]:
    growths: dict[str, _Growth] = {}
    for start in range(0, len(replays), READ_TOGETHER):
        some = replays[start : start + READ_TOGETHER]
        found = await asyncio.gather(*(_read_growth(storage, replay) for replay in some))
        growths.update(zip((replay.saga_id for replay in some), found, strict=True))
    return growths


async def _read_growth(storage: StoreReader, replay: SagaSummary) -> _Growth:
    log = await storage.get_replay_log(replay.saga_id)
    if log is not None:
        return _Growth(log.from_step, log.override, log.initiated_by, log.reason)
    # Another engine, or a copy of older days, wrote no log.
    parent, number = replay.parent_id, replay.parent_sequence
    if parent is None or number is None:
        return _Growth()
    marks = await storage.list_marks(parent, number, number)
    return _Growth(marks[0].step if marks else None)


def _in_order(family: Sequence[SagaSummary]) -> Iterator[tuple[SagaSummary, int]]:
    """Yield each run before all that grew from it, with its depth."""
    known = {run.saga_id for run in family}
    grown: dict[str | None, list[SagaSummary]] = defaultdict(list)
    for run in family:
        grown[run.parent_id if run.parent_id in known else None].append(run)
    # A family may be a chain of a thousand replays, deeper than calls may be nested.
    waiting = [(run, 0) for run in reversed(grown[None])]
    while waiting:
        run, depth = waiting.pop()
        yield run, depth
        waiting += [(child, depth + 1) for child in reversed(grown[run.saga_id])]
