"""A replay that does not hear what the store has answered to it."""

from __future__ import annotations

from collections.abc import Sequence

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import Kind
from sagaz_core.replay.batch import BatchReplay
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, let_lapse, run_order

ONCE = {"reserved": 1, "charged": 1, "shipped": 1}
NEW_TOKEN = {"payment_token": "tok_new"}


class LostAnswer(MemoryBackend):
    """Stores a replay's first checkpoint of a kind, and gives up on the answer to it."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.is_lost = False

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes = await super().append(appends)
        saga, entry = appends[0].saga, appends[0].entry
        kind = entry.kind if entry else None
        if not self.is_lost and (saga.saga_id, kind) == ("order_1~r1", self.kind):
            self.is_lost = True
            await self.meanwhile()
            raise StorageUnavailableError("the server has not answered; see whether it runs")
        return outcomes

    async def meanwhile(self) -> None:
        """What happens before it is given up on."""


class TakenOver(LostAnswer):
    """Meanwhile another process takes the replay for dead and brings it to its end."""

    async def meanwhile(self) -> None:
        other = SnapshotStorage(self)
        await let_lapse(other)
        result = await SagaReplay("order_1~r1", other).resume(in_doubt="retry")
        assert result.status == "success"


async def test_the_log_tells_the_end_that_another_run_has_brought_it_to(ledger: Ledger) -> None:
    storage = SnapshotStorage(TakenOver("before_step"))
    await run_order(storage)
    result = await SagaReplay("order_1", storage).from_checkpoint(
        "charge", context_override=NEW_TOKEN
    )
    assert result.status == "failed"
    assert "has not answered" in (result.error_message or "")
    entry = await storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert (entry.outcome, entry.error_message) == ("success", None)
    assert ledger.balance() == ONCE


async def test_a_replay_whose_end_may_be_recorded_undoes_nothing(ledger: Ledger) -> None:
    storage = SnapshotStorage(LostAnswer("completed"))
    await run_order(storage)
    replay = SagaReplay("order_1", storage)
    result = await replay.from_checkpoint(
        "charge", context_override=NEW_TOKEN, request_id="request"
    )
    assert result.status == "failed"
    assert "has not answered" in (result.error_message or "")
    assert ledger.balance() == ONCE
    again = await replay.from_checkpoint("charge", context_override=NEW_TOKEN, request_id="request")
    assert (again.status, again.new_saga_id) == ("success", "order_1~r1")
    assert ledger.balance() == ONCE


async def test_a_batch_finds_out_that_it_is(ledger: Ledger) -> None:
    storage = SnapshotStorage(LostAnswer("completed"))
    await run_order(storage)
    report = await BatchReplay(storage, context_override=NEW_TOKEN).run()
    assert (report.status, report.succeeded, report.failed) == ("completed", 1, 0)
    assert ledger.balance() == ONCE
