"""Replays of real sagas: what they restore, run and undo, and what they leave as it was."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.errors import (
    PlanChangedError,
    ReadOnlyStoreError,
    SagaNotFoundError,
    SnapshotNotFoundError,
    UsageError,
)
from sagaz_core.model import ReplayResult, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import PLACED_AT, Ledger, Shop, order, run_order

NEW_TOKEN = {"payment_token": "tok_new"}


async def replay(
    storage: SnapshotStorage, saga_id: str = "order_1", step: str = "charge", **how: Any
) -> ReplayResult:
    return await SagaReplay(saga_id, storage).from_checkpoint(step, **how)


async def recorded(storage: SnapshotStorage, saga_id: str) -> list[SagaSnapshot]:
    return [snapshot async for snapshot in storage.iter_checkpoints(saga_id)]


def fates(result: ReplayResult) -> dict[str, str]:
    assert result.plan is not None
    return {step.name: step.fate for step in result.plan.steps}


def problems(result: ReplayResult) -> list[str]:
    assert result.plan is not None
    return [problem.code for problem in result.plan.problems]


# ---------------------------------------------------------------- what runs


async def test_a_replay_keeps_out_of_a_saga_that_has_such_an_id_already(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    await run_order(storage, "order_1~r1")
    before = await recorded(storage, "order_1~r1")
    result = await replay(storage, context_override=NEW_TOKEN)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r2")
    assert await recorded(storage, "order_1~r1") == before


async def test_a_corrected_replay_does_each_thing_once(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    assert ledger.verbs() == ["reserve", "release"]
    result = await replay(storage, context_override=NEW_TOKEN)
    assert (result.status, result.new_saga_id) == ("success", "order_1~r1")
    assert fates(result) == {"reserve": "runs_again", "charge": "runs", "ship": "runs"}
    assert ledger.verbs("order_1~r1") == ["reserve", "charge", "ship"]
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


async def test_a_restored_step_that_still_stands_does_not_run(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.failing.add("ship")
    await run_order(storage, context=order(payment_token="tok_new"), saga_class=Standing)
    ledger.failing.clear()
    result = await replay(storage, step="ship")
    assert result.status == "success"
    assert fates(result) == {"reserve": "restored", "charge": "runs_again", "ship": "runs"}
    assert ledger.verbs("order_1~r1") == ["charge", "ship"]


class Standing(Shop):
    """A shop whose reservation cannot be undone."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve)
        await self.add_step("charge", self.charge, self.refund)
        await self.add_step("ship", self.ship)


async def test_kept_steps_are_restored_in_name_and_never_undone_again(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    result = await replay(storage, compensated="keep")
    assert fates(result)["reserve"] == "restored_in_name"
    assert result.status == "failed"
    assert ledger.verbs("order_1~r1") == []
    run = await storage.get_run("order_1~r1")
    assert run.kept == ("reserve",)
    assert run.origins == {"reserve": "order_1"}


async def test_refusing_undone_steps_makes_the_plan_invalid(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    result = await replay(storage, context_override=NEW_TOKEN, compensated="refuse")
    assert (result.status, problems(result)) == ("invalid", ["undone_refused"])
    assert "order_1" in (result.error_message or "")
    assert ledger.verbs() == ["reserve", "release"]


async def test_a_step_whose_undo_failed_is_in_doubt_until_somebody_chooses(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.failing.add("release")
    await run_order(storage)
    ledger.failing.clear()
    undecided = await replay(storage, context_override=NEW_TOKEN)
    assert (undecided.status, problems(undecided)) == ("invalid", ["in_doubt"])
    assert fates(undecided)["reserve"] == "in_doubt"
    skipped = await replay(storage, context_override=NEW_TOKEN, in_doubt="skip")
    assert (skipped.status, fates(skipped)["reserve"]) == ("success", "restored_in_name")
    assert ledger.verbs("order_1~r1") == ["charge", "ship"]


async def test_a_step_in_doubt_can_be_tried_again(storage: SnapshotStorage, ledger: Ledger) -> None:
    ledger.failing.add("release")
    await run_order(storage)
    ledger.failing.clear()
    result = await replay(storage, context_override=NEW_TOKEN, in_doubt="retry")
    assert (result.status, fates(result)["reserve"]) == ("success", "runs_again")
    assert ledger.verbs("order_1~r1") == ["reserve", "charge", "ship"]


class Slow(Shop):
    """A shop whose charge takes too long the first time."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund, timeout=0.01)
        await self.add_step("ship", self.ship)


async def test_a_step_that_timed_out_is_named_and_runs_again(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.gate = asyncio.Event()
    await run_order(storage, saga_class=Slow, context=order(payment_token="tok_new"))
    ledger.gate = None
    planned = await replay(storage, dry_run=True)
    assert planned.status == "valid"
    assert planned.plan is not None
    charge = planned.plan.steps[1]
    assert (charge.fate, "order_1" in charge.note) == ("in_doubt", True)
    assert (await replay(storage)).status == "success"


async def test_compensations_of_restored_steps_get_their_recorded_results(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage, context=order(payment_token="tok_new"))
    result = await replay(storage, step="ship", force_failure=True)
    assert (result.status, result.compensation) == ("failed", "completed")
    assert fates(result) == {"reserve": "restored", "charge": "restored", "ship": "runs"}
    assert ledger.entries[-2:] == [
        ("order_1~r1", "refund", "chg-2"),
        ("order_1~r1", "release", "rsv-1"),
    ]


async def test_what_a_forced_failure_undid_runs_again_in_the_next_replay(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage, context=order(payment_token="tok_new"))
    await replay(storage, step="ship", force_failure=True)
    result = await replay(storage, step="ship")
    assert result.plan is not None
    assert [(step.fate, step.undone_by) for step in result.plan.steps[:2]] == [
        ("runs_again", "order_1~r1"),
        ("runs_again", "order_1~r1"),
    ]
    assert ledger.verbs("order_1~r2") == ["reserve", "charge", "ship"]
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 2}


async def test_a_step_that_stands_elsewhere_is_said_to_happen_a_second_time(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    await replay(storage, context_override=NEW_TOKEN)
    again = await replay(storage, context_override=NEW_TOKEN, dry_run=True, again=True)
    assert again.plan is not None
    assert all("a second time" in step.note for step in again.plan.steps)
    assert any("order_1~r1" in note for note in again.plan.notes)


async def test_a_replay_of_a_replay_knows_what_its_parents_did(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    first = await replay(storage, context_override={"payment_token": "tok_bad"})
    assert first.status == "failed"
    assert ledger.verbs("order_1~r1") == ["reserve", "release"]
    second = await replay(storage, "order_1~r1", context_override=NEW_TOKEN)
    assert (second.status, second.new_saga_id) == ("success", "order_1~r2")
    assert second.plan is not None
    assert second.plan.steps[0].undone_by == "order_1~r1"
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}
    summary = await storage.get_saga("order_1~r2")
    assert summary is not None
    assert (summary.root_id, summary.parent_id) == ("order_1", "order_1~r1")


async def test_a_step_restored_twice_over_is_undone_where_it_really_ran(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    ledger.failing.add("ship")
    await run_order(storage, saga_class=Standing, context=order(payment_token="tok_new"))
    await replay(storage, step="ship", compensated="keep")
    ledger.failing.clear()
    result = await replay(storage, "order_1~r1", step="ship")
    assert result.plan is not None
    assert [(step.name, step.fate, step.undone_by) for step in result.plan.steps] == [
        ("reserve", "restored", None),
        ("charge", "runs_again", "order_1"),
        ("ship", "runs", None),
    ]
    assert (await storage.get_run("order_1~r2")).origins == {"reserve": "order_1"}


class Branching(Shop):
    """Charge and pack side by side after the reservation."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step("charge", self.charge, self.refund, depends_on=["reserve"])
        await self.add_step("pack", self.pack, depends_on=["reserve"])
        await self.add_step("ship", self.ship, depends_on=["charge", "pack"])

    async def pack(self, ctx: StepContext) -> None:
        ctx["packed"] = True


async def test_a_graph_is_replayed_from_the_newest_checkpoint_that_fits(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage, saga_class=Branching)
    result = await replay(storage, context_override=NEW_TOKEN)
    assert result.status == "success"
    assert fates(result)["ship"] == "runs"
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


@pytest.mark.parametrize("strategy", ["after_each_step", "on_failure"])
async def test_other_strategies_can_be_replayed_too(
    storage: SnapshotStorage, ledger: Ledger, strategy: Any
) -> None:
    config = SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy)
    )
    await run_order(storage, config=config)
    result = await replay(storage, context_override=NEW_TOKEN)
    assert result.status == "success"
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


class Marked(Shop):
    """Records only where it says so."""

    async def charge(self, ctx: StepContext) -> str:
        await self.checkpoint("before paying")
        return await super().charge(ctx)


async def test_a_rollback_that_no_checkpoint_tells_of_is_known_from_the_sagas_row(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    config = SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy="manual")
    )
    await run_order(storage, config=config, saga_class=Marked)
    assert len(await recorded(storage, "order_1")) == 1
    result = await replay(storage, context_override=NEW_TOKEN)
    assert fates(result)["reserve"] == "runs_again"
    assert ledger.balance() == {"reserved": 1, "charged": 1, "shipped": 1}


# ---------------------------------------------------------------- what is kept


async def test_the_original_is_left_exactly_as_it_was(storage: SnapshotStorage) -> None:
    await run_order(storage)
    before = await recorded(storage, "order_1")
    await replay(storage, context_override=NEW_TOKEN)
    assert await recorded(storage, "order_1") == before
    summary = await storage.get_saga("order_1")
    assert summary is not None
    assert (summary.status, summary.recovered_by) == ("failed", "order_1~r1")


async def test_types_survive_an_edit_of_a_sibling_key_and_the_replay(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    result = await replay(storage, override_at={"/cart/0/qty": 5, "/payment_token": "tok_new"})
    assert result.status == "success"
    for context in (result.context, (await recorded(storage, "order_1~r1"))[-1].context):
        assert context["amount"] == Decimal("99.90")
        assert type(context["amount"]) is Decimal
        assert context["placed_at"] == PLACED_AT
        assert context["route"] == ("north", 7)
        assert context["cart"] == [{"sku": "a", "qty": 5}, {"sku": "b", "qty": 2}]


async def test_the_log_keeps_override_who_why_plan_and_outcome(storage: SnapshotStorage) -> None:
    await run_order(storage)
    result = await SagaReplay("order_1", storage, initiated_by="ann@desk").from_checkpoint(
        "charge", context_override=NEW_TOKEN, reason="token renewed"
    )
    (entry,) = await storage.list_replays("order_1")
    assert entry == await storage.get_replay_log("order_1~r1")
    assert (entry.initiated_by, entry.reason, entry.outcome) == (
        "ann@desk",
        "token renewed",
        "success",
    )
    assert [(change.path, change.before, change.after) for change in entry.override] == [
        ("/payment_token", "tok_old", "tok_new")
    ]
    assert result.plan is not None
    assert entry.plan["digest"] == result.plan.digest
    assert [step["fate"] for step in entry.plan["steps"]] == ["runs_again", "runs", "runs"]
    assert entry.finished_at is not None


async def test_a_replay_that_fails_is_a_result_with_its_error_and_no_exception(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    result = await replay(storage)
    assert (result.status, result.compensation) == ("failed", "completed")
    assert result.error_message == "charge: CardDeclinedError: token expired"
    entry = await storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert (entry.outcome, entry.error_message) == ("failed", result.error_message)
    summary = await storage.get_saga("order_1")
    assert summary is not None
    assert summary.recovered_by is None


@pytest.mark.parametrize("days", [7, None])
async def test_a_replay_records_every_step_for_as_long_as_its_original(
    storage: SnapshotStorage, days: int | None
) -> None:
    config = SagaConfig(replay_config=ReplayConfig(enable_snapshots=True, retention_days=days))
    await run_order(storage, config=config)
    await replay(storage, context_override=NEW_TOKEN)
    snapshots = await recorded(storage, "order_1~r1")
    assert [s.step_name for s in snapshots if s.kind == "before_step"] == [
        "reserve",
        "charge",
        "ship",
    ]
    for snapshot in snapshots:
        kept = snapshot.retention_until and (snapshot.retention_until - snapshot.created_at).days
        assert kept == days


class Careless(Shop):
    """A shop that puts a function into its context."""

    async def ship(self, ctx: StepContext) -> None:
        ctx["callback"] = print


async def test_a_replay_fails_rather_than_go_on_with_what_it_cannot_record(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    result = await replay(storage, context_override=NEW_TOKEN, saga_factory=Careless)
    assert (result.status, result.compensation) == ("failed", "completed")
    assert "/callback" in (result.error_message or "")


async def test_an_id_of_a_long_root_stays_within_its_limit(storage: SnapshotStorage) -> None:
    saga_id = await run_order(storage, "o" * 256)
    result = await replay(storage, saga_id, context_override=NEW_TOKEN)
    assert result.status == "success"
    assert len(result.new_saga_id or "") <= 256
    again = await replay(storage, saga_id, context_override=NEW_TOKEN)
    assert again.new_saga_id != result.new_saga_id


# ---------------------------------------------------------------- the contract


async def test_a_plan_that_still_holds_runs(storage: SnapshotStorage) -> None:
    await run_order(storage)
    planned = await replay(storage, context_override=NEW_TOKEN, dry_run=True)
    assert planned.plan is not None
    result = await replay(storage, context_override=NEW_TOKEN, plan_digest=planned.plan.digest)
    assert result.status == "success"
    assert result.plan == planned.plan


async def test_another_override_is_refused_by_name(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    digest = await digest_of(storage)
    for change in ({"payment_token": "tok_new2"}, {"payment_token": "tok_new", "more": 1}):
        with pytest.raises(PlanChangedError) as refused:
            await replay(storage, context_override=change, plan_digest=digest)
        assert refused.value.reasons == ("override",)
    choices: tuple[dict[str, Any], ...] = ({"compensated": "keep"}, {"again": True})
    for choice in choices:
        with pytest.raises(PlanChangedError, match="override"):
            await replay(storage, context_override=NEW_TOKEN, plan_digest=digest, **choice)
    assert ledger.verbs() == ["reserve", "release"]


async def test_another_checkpoint_is_refused_by_name(storage: SnapshotStorage) -> None:
    digest = await digest_of(storage)
    with pytest.raises(PlanChangedError) as refused:
        await replay(storage, step="reserve", context_override=NEW_TOKEN, plan_digest=digest)
    assert refused.value.reasons == ("checkpoint",)


async def test_other_code_is_refused_by_name(storage: SnapshotStorage) -> None:
    digest = await digest_of(storage)

    def corrected(context: dict[str, Any]) -> Shop:
        return Corrected(context)

    with pytest.raises(PlanChangedError) as refused:
        await replay(
            storage, context_override=NEW_TOKEN, saga_factory=corrected, plan_digest=digest
        )
    assert refused.value.reasons == ("code",)


class Corrected(Shop):
    """The shop after a correction of its charge."""

    async def charge(self, ctx: StepContext) -> str:
        return f"corrected {ctx['amount']}"


async def test_another_run_of_the_family_is_refused_by_name(storage: SnapshotStorage) -> None:
    digest = await digest_of(storage)
    await replay(storage, context_override={"payment_token": "tok_bad"})
    with pytest.raises(PlanChangedError) as refused:
        await replay(storage, context_override=NEW_TOKEN, plan_digest=digest)
    assert refused.value.reasons == ("lease",)


async def digest_of(storage: SnapshotStorage) -> str:
    await run_order(storage)
    planned = await replay(storage, context_override=NEW_TOKEN, dry_run=True)
    assert planned.plan is not None
    return planned.plan.digest


async def test_what_is_no_digest_is_refused(storage: SnapshotStorage) -> None:
    await run_order(storage)
    with pytest.raises(UsageError, match="no plan digest"):
        await replay(storage, context_override=NEW_TOKEN, plan_digest="latest")


async def test_a_cancelled_replay_undoes_logs_and_lets_the_cancelling_go_on(
    storage: SnapshotStorage, ledger: Ledger
) -> None:
    await run_order(storage)
    ledger.gate = asyncio.Event()
    running = asyncio.create_task(replay(storage, context_override=NEW_TOKEN))
    async for snapshot in storage.follow("order_1~r1"):
        if snapshot.step_name == "charge":
            break
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ledger.verbs("order_1~r1") == ["reserve", "release"]
    entry = await storage.get_replay_log("order_1~r1")
    assert entry is not None
    assert (entry.outcome, entry.error_message) == ("failed", "it was stopped before its end")
    ledger.gate = None
    assert (await replay(storage, context_override=NEW_TOKEN)).status == "success"


# ---------------------------------------------------------------- what is not there


async def test_an_unknown_saga_is_not_found(storage: SnapshotStorage) -> None:
    for dry_run in (True, False):
        with pytest.raises(SagaNotFoundError, match="no saga 'nobody'"):
            await replay(storage, "nobody", dry_run=dry_run)


async def test_an_unknown_step_is_answered_with_the_steps_there_are(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    planned = await replay(storage, step="chrage", dry_run=True)
    assert (planned.status, problems(planned)) == ("invalid", ["checkpoint_missing"])
    assert "reserve, charge, ship" in (planned.error_message or "")
    with pytest.raises(SnapshotNotFoundError, match="reserve, charge, ship"):
        await replay(storage, step="chrage")


async def test_a_step_that_was_never_reached_names_those_that_have_a_checkpoint(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    with pytest.raises(SnapshotNotFoundError, match="these steps have one: reserve, charge"):
        await replay(storage, step="ship")


class Sixty(Shop):
    """Sixty steps, one after another."""

    async def build(self) -> None:
        for number in range(1, 61):
            await self.add_step(f"step_{number}", self.count)

    async def count(self, ctx: StepContext) -> None:
        ctx["count"] = ctx.get("count", 0) + 1


async def test_each_step_of_a_completed_saga_starts_from_where_it_began(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage, saga_class=Sixty, context={})
    for number in (1, 2, 31, 59, 60):
        result = await SagaReplay("order_1", storage).from_checkpoint(
            f"step_{number}", dry_run=True
        )
        assert result.plan is not None
        assert result.plan.sequence is not None
        start = await storage.get_checkpoint("order_1", result.plan.sequence)
        assert start.step_name == f"step_{number}"
        assert start.context.get("count", 0) == number - 1


async def test_a_checkpoint_can_be_named_exactly(storage: SnapshotStorage) -> None:
    await run_order(storage)
    first, second, *_, last = await recorded(storage, "order_1")
    result = await replay(storage, snapshot_id=second.snapshot_id, dry_run=True)
    assert result.plan is not None
    assert result.plan.sequence == 2
    with pytest.raises(SnapshotNotFoundError, match="reserve must be complete first"):
        await replay(storage, snapshot_id=first.snapshot_id)
    with pytest.raises(SnapshotNotFoundError, match="no longer went forward"):
        await replay(storage, snapshot_id=last.snapshot_id)
    with pytest.raises(SnapshotNotFoundError, match="no checkpoint 'nowhere'"):
        await replay(storage, snapshot_id="nowhere")


async def test_a_store_opened_to_look_only_plans_and_runs_nothing(tmp_path: Any) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path) as writable:
        await run_order(writable)
    async with SQLiteSnapshotStorage(path, read_only=True) as storage:
        planned = await replay(storage, context_override=NEW_TOKEN, dry_run=True)
        assert planned.status == "valid"
        with pytest.raises(ReadOnlyStoreError):
            await replay(storage, context_override=NEW_TOKEN)
