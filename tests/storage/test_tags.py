"""A saga's tags find it in every question, and are told where one saga is told."""

from __future__ import annotations

import pytest

from sagaz_core.errors import UsageError
from sagaz_core.model import Status
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import snapshot


@pytest.fixture
async def storage(any_storage: SnapshotStorage) -> SnapshotStorage:
    await tagged(any_storage, "a", {"order_id": "8841", "shop": "eu"})
    await tagged(any_storage, "b", {"order_id": "8842", "shop": "eu"}, status="failed")
    await tagged(any_storage, "c", {})
    return any_storage


async def tagged(
    storage: SnapshotStorage, saga_id: str, tags: dict[str, str], status: Status = "completed"
) -> None:
    writer = storage.writer(saga_id=saga_id, saga_name="S", tags=tags)
    await writer.append(capture(snapshot(saga_id)))
    await writer.append(capture(snapshot(saga_id, kind="manual", status=status)))


async def test_a_list_and_a_count_are_filtered_by_all_tags_given(storage: SnapshotStorage) -> None:
    async def ids(**tags: str) -> set[str]:
        return {saga.saga_id for saga in (await storage.list_sagas(tags=tags)).sagas}

    assert await ids(order_id="8841") == {"a"}
    assert await ids(shop="eu") == {"a", "b"}
    assert await ids(shop="eu", order_id="8842") == {"b"}
    assert await ids(order_id="8") == set()
    assert await ids(shop="8841") == set()
    assert await storage.count_sagas("status", tags={"shop": "eu"}) == {
        "completed": 1,
        "failed": 1,
    }


async def test_checkpoints_are_filtered_by_their_sagas_tags(storage: SnapshotStorage) -> None:
    latest = await storage.list_snapshots(tags={"shop": "eu"})
    assert {found.saga_id for found in latest} == {"a", "b"}
    assert len(await storage.list_snapshots("a", tags={"order_id": "8841"})) == 2
    assert await storage.list_snapshots("a", tags={"order_id": "8842"}) == []


async def test_a_saga_tells_its_tags(storage: SnapshotStorage) -> None:
    found = await storage.get_saga("a")
    assert found is not None
    assert found.tags == {"order_id": "8841", "shop": "eu"}
    without = await storage.get_saga("c")
    assert without is not None
    assert without.tags == {}


async def test_a_filter_that_is_no_tag_is_refused(storage: SnapshotStorage) -> None:
    with pytest.raises(UsageError, match="a name and a text"):
        await storage.list_sagas(tags={"order_id": 8841})
