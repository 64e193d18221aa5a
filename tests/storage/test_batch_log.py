"""The journal of a batch is kept as it was written, for as long as its sagas."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sagaz_core import BatchLogEntry, copy_sagas
from sagaz_core.errors import ReadOnlyStoreError, UsageError
from sagaz_core.model import utc_now
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, snapshot

DAY = timedelta(days=1)


def journal(batch_id: str = "batch-1", **changes: object) -> BatchLogEntry:
    values = {
        "batch_id": batch_id,
        "items": (("order_1", "Order", "charge", None), ("order_2", "Order", None, "it is fine")),
        "selection": {"prefix": "order_", "since": T0},
        "options": {"context_override": {"amount": Decimal("9.90")}},
        "code": {"Order": {"charge": "abc"}},
        "initiated_by": "sam@shop",
        "started_at": T0,
    }
    return BatchLogEntry(**(values | changes))  # type: ignore[arg-type]


async def test_a_journal_comes_back_with_the_types_it_had(any_storage: SnapshotStorage) -> None:
    written = journal(stop_after_failures=5, reason="new token", expires_at=utc_now() + 9 * DAY)
    await any_storage.save_batch(written)
    assert await any_storage.get_batch("batch-1") == written
    assert await any_storage.get_batch("batch-2") is None
    later = journal("batch-2", started_at=T0 + DAY)
    await any_storage.save_batch(later)
    assert await any_storage.list_batches() == [later, written]
    ended = journal(status="stopped", finished_at=T0, counts={"failed": 1}, stopped_because="why")
    await any_storage.save_batch(ended)
    assert await any_storage.get_batch("batch-1") == ended


async def test_a_value_that_cannot_be_stored_is_named(any_storage: SnapshotStorage) -> None:
    with pytest.raises(UsageError, match=r"of the batch cannot be recorded.*object"):
        await any_storage.save_batch(journal(options={"context_override": {"a": object()}}))


async def test_a_store_opened_to_look_only_takes_no_journal(any_storage: SnapshotStorage) -> None:
    looked_at = SnapshotStorage(any_storage.backend, read_only=True)
    with pytest.raises(ReadOnlyStoreError):
        await looked_at.save_batch(journal())


async def test_a_journal_goes_when_the_last_of_its_sagas_does(any_storage: SnapshotStorage) -> None:
    tomorrow = utc_now() + DAY
    await any_storage.save_batch(journal(expires_at=tomorrow))
    assert (await any_storage.prune(tomorrow - timedelta(seconds=1))).leftovers == 0
    assert await any_storage.list_batches() != []
    assert (await any_storage.prune(tomorrow)).leftovers == 1
    assert await any_storage.list_batches() == []


async def test_a_journal_is_copied_with_any_of_its_sagas(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await source.save_snapshot(snapshot("order_1"))
    await source.save_snapshot(snapshot("other"))
    await source.save_batch(journal())
    await source.save_batch(journal("batch-of-others", items=(("gone", "Order", "charge", None),)))
    assert (await copy_sagas(source, target, prefix="other")).documents == 0
    report = await copy_sagas(source, target)
    assert (report.documents, report.conflicts) == (1, ())
    assert await target.list_batches() == [journal()]
    assert (await copy_sagas(source, target)).documents == 0

    ended = journal(status="completed", finished_at=T0, counts={"succeeded": 2})
    await source.save_batch(ended)
    assert (await copy_sagas(source, target)).documents == 1
    assert await target.list_batches() == [ended]


async def test_a_journal_that_tells_something_else_is_left_as_it_is(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await source.save_snapshot(snapshot("order_1"))
    await source.save_batch(journal())
    theirs = journal(status="completed", finished_at=T0)
    await target.save_batch(theirs)
    report = await copy_sagas(source, target)
    assert [conflict.saga_id for conflict in report.conflicts] == ["batch-1"]
    assert "journal" in report.conflicts[0].reason
    assert await target.list_batches() == [theirs]
