"""What every contract is about: a store at a place, and checkpoints to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.storage import SnapshotStorage

T0: Final = datetime(2024, 12, 15, 10, 0, tzinfo=UTC)

PATIENCE: Final = 30.0
"""Seconds after which something that was waited for is taken not to come."""

ODD_IDS: Final = (
    "order_1",
    "orderX1",
    "order",
    "Order_1",
    "%",
    "%a",
    "_",
    "*",
    "*a",
    "?",
    "[a]",
    "[",
    "]",
    "^a",
    "a",
    "a:b",
    ":",
    "a b",
    " a",
    "a ",
    "{",
    "}",
    "{a}",
    "{a}b",
    "../*%{}",
    "a/b",
    "a\\b",
    "a'b",
    'a"b',
    "a;--",
    "#?&=",
    "%2F",
    "-1",
    "0",
    "a~r1",
    "é1",
    "e\u03011",
    "ée",
    "ß",
    "日本",
    "🚚",
    "🚚🚚",
    "x" * 256,
    "🚚" * 256,
)
"""Saga ids like any other, each of which some store could take for something else."""


def hence(**span: float) -> datetime:
    """Return a time from now on: ``hence(hours=2)``.

    A store may let go of a saga by itself once its retention has ended, and refuse one that
    ended before it began; what is to be kept for the length of a test ends hours from now.
    """
    return datetime.now(UTC) + timedelta(**span)


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
    """How a contract gets at a store; the one thing to say is :meth:`make_backend`.

    What a subclass keeps on itself is sent to other processes with it, so it can be pickled.
    """

    def make_backend(self, place: Path) -> Backend:
        """Return a backend for the store at ``place``, not yet opened.

        The store is empty at first. Two backends made for the same place reach the same store,
        and none made for another place does. A store that is not in files takes the place for
        a name.
        """
        raise NotImplementedError("say how your backend is made")

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Where the test's store is."""
        return tmp_path / "store"

    @pytest.fixture
    async def storage(self, place: Path) -> AsyncIterator[SnapshotStorage]:
        """An empty store."""
        async with SnapshotStorage(self.make_backend(place)) as storage:
            yield storage

    @pytest.fixture
    async def other(self, storage: SnapshotStorage, place: Path) -> AsyncIterator[SnapshotStorage]:
        """The same store, reached by a backend of its own."""
        async with SnapshotStorage(self.make_backend(place)) as other:
            yield other
