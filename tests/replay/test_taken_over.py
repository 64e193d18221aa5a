"""A replay whose process stood still, and which another process has brought to its end since."""

from __future__ import annotations

from collections.abc import Sequence

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends.base import Append, Outcome
from sagaz_core.storage.backends.memory import MemoryBackend
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, let_lapse, run_order


class LateAnswer(MemoryBackend):
    """Gives up on the answer to a replay's first checkpoint, which another run has seen since."""

    is_late = False

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().append(appends)
        if appends[0].saga.saga_id == "order_1~r1" and not self.is_late:
            self.is_late = True
            other = SnapshotStorage(self)
            await let_lapse(other)
            result = await SagaReplay("order_1~r1", other).resume(in_doubt="retry")
            assert result.status == "success"
            raise StorageUnavailableError("the server has not answered; see whether it runs")
        return outcomes


async def test_the_log_tells_the_end_that_the_other_run_brought_it_to(ledger: Ledger) -> None:
    storage = SnapshotStorage(LateAnswer())
    await run_order(storage)
    result = await SagaReplay("order_1", storage).from_checkpoint(
        "charge", context_override={"payment_token": "tok_new"}
    )
    assert result.status == "failed"
    assert "has not answered" in (result.error_message or "")
    entry = await storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert (entry.outcome, entry.error_message) == ("success", None)
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}
