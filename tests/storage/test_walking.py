"""Going through a store that others write to hands out every saga once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sagaz_core.model import Status, utc_now
from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.walking import every_saga
from sagaz_core.testing.base import T0, snapshot

SAGAS = 260
"""More than a page."""


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store of more sagas than one page, of which every seventh goes on."""
    made: SnapshotStorage
    if request.param == "memory":
        made = InMemorySnapshotStorage()
    elif request.param == "sqlite":
        made = SQLiteSnapshotStorage(tmp_path / "s.db")
    else:
        url = request.getfixturevalue("redis_url")
        made = RedisSnapshotStorage(url, key_prefix=f"{tmp_path}:")
    async with made:
        for number in range(SAGAS):
            status: Status = "executing" if number % 7 == 3 else "completed"
            at = T0 + timedelta(seconds=number)
            await made.save_snapshot(snapshot(f"s{number:03}", status=status, created_at=at))
        yield made


async def change(storage: SnapshotStorage, number: int, status: Status) -> None:
    await storage.save_snapshot(
        snapshot(f"s{number:03}", step="b", status=status, created_at=utc_now())
    )


async def test_a_saga_that_goes_on_between_two_pages_is_not_missed(
    storage: SnapshotStorage,
) -> None:
    found: list[str] = []
    async for row in every_saga(storage.backend, SagaQuery()):
        if not found:
            # Far behind the first page, these now stand before it.
            await change(storage, 3, "executing")
            await change(storage, 10, "completed")
            await change(storage, 17, "failed")
        found.append(row.saga_id)
    assert found == [f"s{number:03}" for number in reversed(range(SAGAS))]


async def test_what_is_handed_out_answers_the_question(storage: SnapshotStorage) -> None:
    going = [n for n in reversed(range(SAGAS)) if n % 7 == 3]
    questions: list[tuple[tuple[Status, ...], list[int]]] = [
        (("executing",), going),
        (("completed",), [n for n in reversed(range(SAGAS)) if n % 7 != 3]),
        (("failed", "interrupted"), []),
    ]
    for status, expected in questions:
        query = SagaQuery(status=status)
        rows = [row.saga_id async for row in every_saga(storage.backend, query)]
        assert rows == [f"s{number:03}" for number in expected]


async def test_a_list_of_latest_snapshots_has_every_saga_in_order(storage: SnapshotStorage) -> None:
    found = await storage.list_snapshots()
    assert [each.saga_id for each in found] == [f"s{n:03}" for n in reversed(range(SAGAS))]
    assert [each.saga_id for each in await storage.list_snapshots(limit=3)] == [
        "s259",
        "s258",
        "s257",
    ]


async def test_one_that_another_engine_says_was_interrupted_is_not_missed(
    any_storage: SnapshotStorage,
) -> None:
    """Without it, it would be neither copied nor verified, and forgotten only in name."""
    for saga_id, status in (("a", "interrupted"), ("b", "executing"), ("c", "failed")):
        await any_storage.save_snapshot(snapshot(saga_id, status=status))  # type: ignore[arg-type]
    found = [row.saga_id async for row in every_saga(any_storage.backend, SagaQuery())]
    assert sorted(found) == ["a", "b", "c"]
    page = await any_storage.list_sagas(status="interrupted")
    assert [saga.saga_id for saga in page.sagas] == ["a"]
    await any_storage.forget(["a"], by="ada")
    assert await any_storage.get_saga("a") is None
