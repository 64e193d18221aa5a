"""Which sagas a batch replays, and from which step each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sagaz_core.errors import OverrideError, UsageError
from sagaz_core.history.search import filter_sagas
from sagaz_core.model import MISSING, SagaSummary
from sagaz_core.replay.batch.items import BatchItem
from sagaz_core.replay.batch.options import BatchOptions
from sagaz_core.replay.value_reading import read_text
from sagaz_core.storage.storage import SnapshotStorage

_PAGE: Final = 200
_AT_ONCE: Final = 16
_NAMED: Final = 5
"""So many ids are named in an error; of more the number is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSelection:
    """Sagas of which every condition given holds.

    Replays are left out, and so are sagas that a replay has recovered, unless the batch says
    ``again``.
    """

    status: str | None = "failed"
    name: str | None = None
    """The class; ``*`` stands for anything."""
    prefix: str | None = None
    """Of the id."""
    tags: Mapping[str, str] = field(default_factory=dict)
    failed_step: str | None = None
    error: str | None = None
    """Text in the error's headline."""
    since: datetime | None = None
    """Of the latest change, inclusive, with a time zone; as is ``until``."""
    until: datetime | None = None
    where: str | None = None
    """An expression that is true of the latest checkpoint; see ``history.search``."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Top-level keys of the latest context and their values; a text is read as the type that
    is recorded."""
    saga_ids: tuple[str, ...] = ()
    """Exactly these; one of which another condition does not hold is skipped, with the reason."""


FAILED: Final = BatchSelection()
"""Every saga that failed and that no replay has recovered."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The sagas that a selection found."""

    items: list[BatchItem]
    expires_at: datetime | None
    """When the last of them does; None: never."""


async def select(
    storage: SnapshotStorage, selection: BatchSelection, options: BatchOptions
) -> Selected:
    """Find the sagas of a batch, newest change first, or in the order in which they are named.

    Each is found once, though the list changes while it is read.

    Raises:
        SagaNotFoundError: a saga that is named is not in the store.
        UsageError: a condition is not what it must be, or a saga that has overrides of its own
            is not among those found.
    """
    if selection.saga_ids:
        found = await _named(storage, selection, options)
    else:
        sagas = await _everyone(storage, selection, options.again)
        found = [(saga, _item(saga, options.from_step)) for saga in sagas]
    items = [item for _, item in found]
    await _check_overrides(storage, items, options)
    expiries = [saga.expires_at for saga, _ in found]
    return Selected(items, None if None in expiries else max(filter(None, expiries), default=None))


# ---------------------------------------------------------------- by conditions


async def _everyone(
    storage: SnapshotStorage, selection: BatchSelection, again: bool
) -> list[SagaSummary]:
    filters = _filters(selection, again)
    found: dict[str, SagaSummary] = {}
    async with aclosing(_matching(storage, selection, filters)) as matching:
        async for saga in matching:
            found.setdefault(saga.saga_id, saga)
    if found:
        # What changed while the list was read went to its beginning, past the reader.
        newest = next(iter(found.values())).updated_at
        filters["since"] = max(newest, selection.since) if selection.since else newest
        async with aclosing(_matching(storage, selection, filters)) as matching:
            async for saga in matching:
                found[saga.saga_id] = saga
    return list(found.values())


async def _matching(
    storage: SnapshotStorage, selection: BatchSelection, filters: Mapping[str, Any]
) -> AsyncGenerator[SagaSummary, None]:
    if selection.where is None:
        sagas = _listed(storage, filters)
    else:
        sagas = filter_sagas(storage, selection.where, **filters)
    async with aclosing(sagas) as listed:
        some: list[SagaSummary] = []
        async for saga in listed:
            if saga.parent_id is None:
                some.append(saga)
            if len(some) == _AT_ONCE:
                for each in await _with_keys(storage, some, selection.keys):
                    yield each
                some = []
        for each in await _with_keys(storage, some, selection.keys):
            yield each


async def _listed(
    storage: SnapshotStorage, filters: Mapping[str, Any]
) -> AsyncGenerator[SagaSummary, None]:
    cursor: str | None = None
    while True:
        page = await storage.list_sagas(**filters, cursor=cursor, limit=_PAGE)
        for saga in page.sagas:
            yield saga
        cursor = page.cursor
        if cursor is None:
            return


def _filters(selection: BatchSelection, again: bool) -> dict[str, Any]:
    return {
        "status": selection.status,
        "name": selection.name,
        "prefix": selection.prefix,
        "tags": selection.tags,
        "step": selection.failed_step,
        "error": selection.error,
        "since": selection.since,
        "until": selection.until,
        "unsettled": not again,
    }


async def _with_keys(
    storage: SnapshotStorage, sagas: list[SagaSummary], keys: Mapping[str, Any]
) -> list[SagaSummary]:
    """Return those whose latest context has these values."""
    if not keys:
        return sagas
    latest = await asyncio.gather(*(storage.get_latest_snapshot(saga.saga_id) for saga in sagas))
    return [
        saga
        for saga, snapshot in zip(sagas, latest, strict=True)
        if snapshot is not None
        and all(_same(snapshot.context.get(key, MISSING), value) for key, value in keys.items())
    ]


def _same(recorded: Any, wanted: Any) -> bool:
    if recorded is MISSING:
        return False
    if isinstance(wanted, str) and not isinstance(recorded, str):
        try:
            wanted = read_text(wanted, recorded)
        except OverrideError:
            return False
    return isinstance(recorded, bool) == isinstance(wanted, bool) and bool(recorded == wanted)


# ---------------------------------------------------------------- by name


async def _named(
    storage: SnapshotStorage, selection: BatchSelection, options: BatchOptions
) -> list[tuple[SagaSummary, BatchItem]]:
    saga_ids = list(dict.fromkeys(selection.saga_ids))
    found: list[tuple[SagaSummary, BatchItem]] = []
    for start in range(0, len(saga_ids), _AT_ONCE):
        some = saga_ids[start : start + _AT_ONCE]
        found += await asyncio.gather(
            *(_one_named(storage, saga_id, selection, options) for saga_id in some)
        )
    return found


async def _one_named(
    storage: SnapshotStorage, saga_id: str, selection: BatchSelection, options: BatchOptions
) -> tuple[SagaSummary, BatchItem]:
    saga = await storage.get_existing_saga(saga_id)
    return saga, await _named_item(storage, saga, selection, options)


async def _named_item(
    storage: SnapshotStorage, saga: SagaSummary, selection: BatchSelection, options: BatchOptions
) -> BatchItem:
    if saga.parent_id is not None:
        return _left_out(saga, f"it is a replay; select its original, {saga.root_id!r}")
    if saga.recovered_by is not None and not options.again:
        return _left_out(
            saga,
            f"{saga.recovered_by} of its family has succeeded already; again=True (--again) "
            "replays it once more",
        )
    if saga.saga_id.startswith(selection.prefix or ""):
        filters = _filters(selection, options.again)
        filters |= {"prefix": saga.saga_id, "root_id": saga.saga_id}
        async with aclosing(_matching(storage, selection, filters)) as matching:
            async for found in matching:
                if found.saga_id == saga.saga_id:
                    return _item(found, options.from_step)
    return _left_out(saga, f"it is {saga.status}, and not all conditions of the batch hold for it")


# ---------------------------------------------------------------- as items


def _item(saga: SagaSummary, from_step: str | None) -> BatchItem:
    if from_step is not None:
        return BatchItem(saga_id=saga.saga_id, saga_name=saga.saga_name, from_step=from_step)
    if saga.error is not None and saga.step_name is not None:
        return BatchItem(saga_id=saga.saga_id, saga_name=saga.saga_name, from_step=saga.step_name)
    if saga.status == "interrupted":
        return _left_out(
            saga, f"it was interrupted and has not failed; `sagaz resume {saga.saga_id}` goes on"
        )
    where = "has not failed at a step" if saga.error is not None else "has not failed"
    return _left_out(saga, f"it {where}; say where it starts with from_step (--from-step)")


def _left_out(saga: SagaSummary, reason: str) -> BatchItem:
    return BatchItem(saga_id=saga.saga_id, saga_name=saga.saga_name, from_step=None, reason=reason)


async def _check_overrides(
    storage: SnapshotStorage, items: list[BatchItem], options: BatchOptions
) -> None:
    """See that every saga that has overrides of its own is replayed."""
    running = {item.saga_id for item in items if item.from_step is not None}
    others = [saga_id for saga_id in options.saga_overrides if saga_id not in running]
    if not others:
        return
    named = ", ".join(map(repr, others[:_NAMED]))
    if len(others) > _NAMED:
        named += f" and {len(others) - _NAMED} more"
    there = await storage.get_saga(others[0])
    why = "not in this store" if there is None else "not among the sagas that this batch replays"
    raise UsageError(
        f"there are overrides for {named}, which {'is' if len(others) == 1 else 'are'} {why}; "
        "take them out, or select them too"
    )
