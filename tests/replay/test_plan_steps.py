"""A plan tells of each step what it is, how it went, and what became of its code."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagaz_core.model import Drift, ReplayPlan, SagaSnapshot, StepInfo
from sagaz_core.replay.drift import find_drift
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Shop, order, run_order


async def plan(
    storage: SnapshotStorage, step: str = "charge", saga_id: str = "order_1", **how: Any
) -> ReplayPlan:
    result = await SagaReplay(saga_id, storage).from_checkpoint(step, dry_run=True, **how)
    assert result.plan is not None
    return result.plan


async def nothing(ctx: StepContext) -> None:
    return None


def made_of(*names: str) -> Any:
    """Return a factory of a saga with steps of these names, all of them new code."""

    async def build(saga: Saga) -> None:
        for name in names:
            await saga.add_step(name, nothing)

    return lambda context: type("OtherShop", (Saga,), {"build": build})(context)


# ---------------------------------------------------------------- what a step is


class CarefulShop(Shop):
    """Charges twice in vain, idempotently, and undoes it with a lambda."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve, self.release)
        await self.add_step(
            "charge", self.charge, lambda result, ctx: None, max_retries=1, idempotent=True
        )
        await self.add_step("ship", self.ship)


async def test_each_step_tells_its_compensation_nature_and_how_it_went(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage, saga_class=CarefulShop)
    reserve, charge, ship = (await plan(storage)).steps
    assert (reserve.compensation, reserve.idempotent, reserve.attempts) == ("release", False, 1)
    assert reserve.duration is not None
    assert reserve.duration > 0
    assert (charge.compensation, charge.idempotent, charge.attempts) == ("", True, 2)
    assert (ship.compensation, ship.attempts, ship.duration) == (None, None, None)


async def test_a_step_restored_from_an_earlier_run_tells_how_it_went_there(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    await SagaReplay("order_1", storage).from_checkpoint("charge")
    recorded = (await storage.get_run("order_1~r1")).origins
    assert recorded == {}, "reserve ran again in the replay"
    await SagaReplay("order_1~r1", storage).from_checkpoint("charge", compensated="keep")
    (reserve, *_) = (await plan(storage, saga_id="order_1~r2", compensated="keep")).steps
    assert reserve.fate == "restored_in_name"
    assert reserve.attempts == 1


# ---------------------------------------------------------------- steps that were under way

GATES: dict[str, asyncio.Event] = {}


class PackingMeanwhile(Saga):
    """Packs while it reserves and charges; charging fails before all is packed."""

    async def build(self) -> None:
        await self.add_step("pack", self.pack, self.unpack, depends_on=[])
        await self.add_step("reserve", self.reserve, depends_on=[])
        await self.add_step("charge", self.charge, depends_on=["reserve"])
        await self.add_step("ship", nothing, depends_on=["pack", "charge"])

    async def pack(self, ctx: StepContext) -> None:
        GATES["packing"].set()
        await GATES["charge has failed"].wait()

    async def reserve(self, ctx: StepContext) -> None:
        await GATES["packing"].wait()

    async def unpack(self, result: Any, ctx: StepContext) -> None:
        pass

    async def charge(self, ctx: StepContext) -> None:
        GATES["charge has failed"].set()
        raise ConnectionError("no gateway")


async def test_a_step_that_was_under_way_at_the_checkpoint_runs_again(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for gate in ("packing", "charge has failed"):
        monkeypatch.setitem(GATES, gate, asyncio.Event())
    await run_order(storage, saga_class=PackingMeanwhile, context={})
    (before_charge,) = (
        entry
        for entry in await storage.list_checkpoints("order_1")
        if (entry.kind, entry.step_name) == ("before_step", "charge")
    )
    assert before_charge.running_steps == ("pack",)
    planned = await plan(storage, "charge", snapshot_id=before_charge.snapshot_id)
    assert {step.name: (step.fate, step.was_running) for step in planned.steps} == {
        "pack": ("runs_again", True),
        "reserve": ("restored", False),
        "charge": ("runs", False),
        "ship": ("runs", False),
    }


# ---------------------------------------------------------------- drift


def steps(*definitions: str) -> tuple[StepInfo, ...]:
    """Return steps written as ``name``, ``name=fingerprint`` or ``name<needed,needed``."""
    made = []
    for definition in definitions:
        name, needs = [*definition.split("<"), ""][:2]
        name, code = [*name.split("="), "f00d"][:2]
        depends_on = tuple(needs.split(",")) if needs else None
        made.append(StepInfo(name, depends_on, code))
    return tuple(made)


@pytest.mark.parametrize(
    ("recorded", "current", "drift"),
    [
        (steps("a", "b"), steps("a", "b"), {}),
        (steps("a", "b=1"), steps("a", "b=2"), {"b": "changed"}),
        (steps("a", "b="), steps("a", "b=2"), {}),
        (steps("a", "b"), steps("a", "new", "b"), {"new": "added"}),
        (steps("a", "b", "c"), steps("a", "c"), {"b": "removed"}),
        (steps("a", "b", "c"), steps("b", "c", "a=2"), {"a": "moved"}),
        (steps("a", "b<a", "c<a"), steps("a", "b<a", "c<a,b"), {"c": "moved"}),
        (steps("a", "b<a", "c<a,b"), steps("a", "b<a", "c<b,a"), {}),
        ((), steps("a", "b"), {}),
    ],
)
def test_drift_is_what_differs_from_what_was_recorded(
    recorded: tuple[StepInfo, ...], current: tuple[StepInfo, ...], drift: dict[str, Drift]
) -> None:
    assert find_drift(recorded, current) == drift


async def test_the_same_code_has_not_drifted(storage: SnapshotStorage) -> None:
    await run_order(storage)
    assert [step.drift for step in (await plan(storage)).steps] == [None] * 3


async def test_steps_added_where_they_do_no_harm_are_told_and_run(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    names = ("reserve", "weigh", "charge", "ship", "thank")
    planned = await plan(storage, saga_factory=made_of(*names))
    assert planned.valid
    assert [(step.name, step.fate, step.drift) for step in planned.steps] == [
        ("reserve", "runs_again", "changed"),
        ("weigh", "runs", "added"),
        ("charge", "runs", "changed"),
        ("ship", "runs", "changed"),
        ("thank", "runs", "added"),
    ]


async def test_a_step_that_is_gone_or_moved_is_shown_and_refused(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage)
    planned = await plan(storage, saga_factory=made_of("charge", "reserve"))
    assert [problem.code for problem in planned.problems] == ["step_missing", "step_order"]
    told = {step.name: (step.fate, step.drift) for step in planned.steps}
    assert told["ship"] == ("gone", "removed")
    assert sorted(str(told[name][1]) for name in ("charge", "reserve")) == ["changed", "moved"]


async def test_a_step_that_is_gone_cannot_be_made_to_fail(storage: SnapshotStorage) -> None:
    await run_order(storage)
    factory = made_of("reserve", "charge")
    planned = await plan(storage, saga_factory=factory, force_failure="ship")
    (problem,) = (each for each in planned.problems if each.code == "force_failure")
    assert problem.message == (
        "the saga has no step 'ship', so it cannot be made to fail; "
        "choose one that runs: reserve, charge"
    )


async def test_a_restored_step_cannot_be_made_to_fail(storage: SnapshotStorage) -> None:
    await run_order(storage, context=order(payment_token="tok_new"))
    planned = await plan(storage, "charge", force_failure="reserve")
    (problem,) = planned.problems
    assert (problem.code, problem.step, problem.message) == (
        "force_failure",
        "reserve",
        "step 'reserve' is restored and does not run, so it cannot be made to fail; "
        "choose one that runs: charge, ship",
    )


async def test_of_another_engines_steps_no_drift_is_claimed(storage: SnapshotStorage) -> None:
    for kind, step, completed in (("before_step", "charge", ["reserve"]), ("failed", None, [])):
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id="order_1",
                saga_name="Elsewhere",
                kind=kind,  # type: ignore[arg-type]
                status="failed" if kind == "failed" else "executing",
                step_name=step,
                completed_steps=completed,
                context={"token": "old"},
            )
        )
    factory = made_of("reserve", "weigh", "charge")
    planned = await plan(storage, saga_factory=factory, context_override={"token": "new"})
    assert [step.drift for step in planned.steps] == [None] * 3
    assert [step.duration for step in planned.steps] == [None] * 3
    assert [change.note for change in planned.overrides] == [""]
