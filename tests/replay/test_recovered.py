"""A family that a replay has brought to success is not replayed again by accident."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.model import ReplayResult
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, order, run_order


async def replay(storage: SnapshotStorage, saga_id: str = "order_1", **how: Any) -> ReplayResult:
    how = {"context_override": {"payment_token": "tok_new"}, **how}
    return await SagaReplay(saga_id, storage).from_checkpoint("charge", **how)


def codes(result: ReplayResult) -> list[str]:
    assert result.plan is not None
    return [problem.code for problem in result.plan.problems]


async def test_what_a_replay_has_recovered_is_not_replayed_again(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    await replay(any_storage)
    done = list(ledger.entries)
    for saga_id in ("order_1", "order_1~r1"):
        for how in ({}, {"dry_run": True}, {"simulate": True}):
            result = await replay(any_storage, saga_id, **how)
            assert (result.status, codes(result)) == ("invalid", ["recovered"])
            assert "order_1~r1 of this family has succeeded" in (result.error_message or "")
            assert "--again" in (result.error_message or "")
    assert ledger.entries == done
    assert len(await any_storage.list_family("order_1")) == 2


async def test_it_is_replayed_again_if_that_is_asked_for(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    await replay(storage)
    result = await replay(storage, again=True)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r2")
    assert result.plan is not None
    assert any("order_1~r1 of this family has succeeded" in note for note in result.plan.notes)
    assert ledger.balance() == {"reserved": 2, "charged": 2, "shipped": 2}


async def test_it_is_recovered_no_more_once_that_was_undone(
    any_storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(any_storage)
    await replay(any_storage)
    undone = await SagaReplay("order_1~r1", any_storage).from_checkpoint(
        "ship", again=True, force_failure=True
    )
    assert (undone.status, undone.compensation) == ("failed", "completed")
    assert ledger.balance() == {"reserved": 0, "charged": 0, "shipped": 1}
    family = await any_storage.list_family("order_1")
    assert [saga.recovered_by for saga in family] == [None, None, None]
    found = await any_storage.list_sagas(unsettled=True)
    assert [saga.saga_id for saga in found.sagas] == ["order_1"]
    assert (await replay(any_storage, dry_run=True)).status == "valid"


async def test_it_stays_so_if_only_what_was_done_again_was_undone(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    await replay(storage)
    failed = await replay(storage, again=True, force_failure="ship")
    assert (failed.status, failed.compensation) == ("failed", "completed")
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}
    family = await storage.list_family("order_1")
    assert {saga.recovered_by for saga in family} == {"order_1~r1"}


async def test_a_replay_that_failed_keeps_nobody_from_another(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    assert (await replay(storage, context_override={})).status == "failed"
    assert (await replay(storage)).status == "success"
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


async def test_a_failed_replay_counts_as_recovered_with_its_family(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    await replay(storage, context_override={})
    await replay(storage)
    found = {saga.saga_id: saga.recovered_by for saga in await storage.list_family("order_1")}
    assert found == {
        "order_1": "order_1~r2",
        "order_1~r1": "order_1~r2",
        "order_1~r2": "order_1~r2",
    }
    result = await replay(storage, "order_1~r1")
    assert (result.status, codes(result)) == ("invalid", ["recovered"])


async def test_a_family_that_is_recovered_while_a_plan_is_made_is_not_replayed_by_that_plan(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = InMemorySnapshotStorage()
    await run_order(storage)
    read_saga = storage.backend.saga

    async def read_saga_and_be_late(saga_id: str) -> SagaRow | None:
        saga = await read_saga(saga_id)
        monkeypatch.setattr(storage.backend, "saga", read_saga)
        await replay(storage)
        return saga

    monkeypatch.setattr(storage.backend, "saga", read_saga_and_be_late)
    result = await replay(storage)
    assert (result.status, codes(result)) == ("invalid", ["recovered"])
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


async def test_a_saga_that_completed_by_itself_was_recovered_by_nobody(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage, context=order(payment_token="tok_new"))
    assert codes(await replay(storage, dry_run=True)) == []
