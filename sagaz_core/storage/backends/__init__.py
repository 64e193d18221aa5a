"""The stores there are. Each is imported, and its driver with it, when it is first named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage
    from sagaz_core.storage.backends.redis.backend import RedisSnapshotStorage
    from sagaz_core.storage.backends.sqlite.backend import SQLiteSnapshotStorage

__all__ = ["InMemorySnapshotStorage", "RedisSnapshotStorage", "SQLiteSnapshotStorage"]

_MODULES = {
    "InMemorySnapshotStorage": "sagaz_core.storage.backends.memory.backend",
    "RedisSnapshotStorage": "sagaz_core.storage.backends.redis.backend",
    "SQLiteSnapshotStorage": "sagaz_core.storage.backends.sqlite.backend",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
