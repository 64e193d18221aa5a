"""Memory, SQLite and Redis answer everything alike, whatever was done to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.redis.backend import RedisBackend
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.storage import SnapshotStorage
from tests.storage.alike_machine import StoresAlike

Make = Callable[[], Mapping[str, SnapshotStorage]]

_common = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture
def make_storages(tmp_path: Path, redis_url: str) -> Make:
    """Makes empty stores, one of each kind."""
    numbers = count()

    def make() -> Mapping[str, SnapshotStorage]:
        place = tmp_path / f"{next(numbers)}"
        backends = {
            "memory": MemoryBackend(),
            "sqlite": SQLiteBackend(place),
            "redis": RedisBackend(redis_url, key_prefix=f"{place}:"),
        }
        return {name: SnapshotStorage(backend) for name, backend in backends.items()}

    return make


def test_stores_are_alike(make_storages: Make) -> None:
    run_state_machine_as_test(
        lambda: StoresAlike(make_storages),
        settings=settings(_common, max_examples=8, stateful_step_count=25, derandomize=True),
    )


@pytest.mark.torture
def test_stores_are_alike_over_many_rounds(make_storages: Make) -> None:
    run_state_machine_as_test(
        lambda: StoresAlike(make_storages),
        settings=settings(_common, max_examples=300, stateful_step_count=60),
    )
