"""A process that stands still while the store answers it, and is taken for dead meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import pytest

from sagaz_core.errors import LeaseLostError
from sagaz_core.saga import recording
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.storage import SnapshotStorage
from tests.saga.sagas import Built, Ledger

TERM: Final = 0.05


class SlowlyHeard(MemoryBackend):
    """Stores the checkpoint of this number; before that is heard, another run takes over."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().append(appends)
        self.number -= len(appends)
        if self.number == 0:
            family = await self.family("s")
            assert family is not None
            await self.beat("s", fence=family.fence, term=-1)
            await SnapshotStorage(self).acquire_lease("s", owner="other", holder="s~r1")
            time.sleep(2 * TERM)  # noqa: ASYNC251 - as a stopped process does
        return outcomes


@pytest.mark.parametrize("number", [1, 2])
async def test_no_action_starts_by_an_answer_from_before_the_lease_was_lost(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", TERM)
    ledger = Ledger()

    async def build(saga: Saga) -> None:
        await saga.add_step("a", ledger.does("a"), ledger.undoes("a"))
        await saga.add_step("b", ledger.does("b"), ledger.undoes("b"))

    storage = SnapshotStorage(SlowlyHeard(number))
    result = await Built(build, saga_id="s", snapshot_storage=storage).execute()

    assert ledger == ["a"][: number - 1]
    assert isinstance(result.error, LeaseLostError)
