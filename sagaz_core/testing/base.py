"""What every contract is about: a store at a place, and checkpoints to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.storage import SnapshotStorage

T0 = datetime(2024, 12, 15, 10, 0, tzinfo=UTC)


def snapshot(saga_id: str = "saga", step: str = "a", **fields: Any) -> SagaSnapshot:
    """Return a checkpoint before a step, with whatever else is given."""
    return SagaSnapshot(
        **{
            "saga_id": saga_id,
            "saga_name": "Contract",
            "kind": "before_step",
            "step_name": step,
            **fields,
        }
    )


class ContractBase:
    """How a contract gets at a store; the one thing to say is :meth:`make_backend`."""

    def make_backend(self, place: Path) -> Backend:
        """Return a backend for the store at ``place``, not yet opened."""
        raise NotImplementedError("say how your backend is made")

    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
        """An empty store."""
        async with SnapshotStorage(self.make_backend(tmp_path / "store")) as storage:
            yield storage
