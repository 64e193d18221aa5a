"""Two runs side by side, by step."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.config import Backoff
from sagaz_core.errors import SagaNotFoundError
from sagaz_core.history import left_by_steps, step_runs
from sagaz_core.history.compare import Comparison, StepComparison, compare
from sagaz_core.model import Difference, SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from tests.history.recorded import record


class ComparedOrder(Saga):
    """Prices, charges and ships; an expired token is declined."""

    async def build(self) -> None:
        await self.add_step("price", self.price)
        await self.add_step("charge", self.charge, max_retries=1, retry_backoff=Backoff(initial=0))
        await self.add_step("ship", self.ship)

    async def price(self, ctx: StepContext) -> dict[str, int]:
        ctx["lines"] = [{"sku": "A", "price": ctx["rate"] * 2}]
        return {"total": ctx["rate"] * 2}

    async def charge(self, ctx: StepContext) -> None:
        if ctx["token"] == "expired":
            raise PermissionError("token expired")
        ctx["charged"] = True

    async def ship(self, ctx: StepContext) -> None:
        ctx["shipped"] = True


class Undone(ComparedOrder):
    """An order whose price can be taken back."""

    async def build(self) -> None:
        await self.add_step("price", self.price, self.forget)
        await self.add_step("charge", self.charge)

    async def forget(self, result: Any, ctx: StepContext) -> None:
        ctx["lines"] = []


class Invoice(Saga):
    """Has one step with an order in common."""

    async def build(self) -> None:
        await self.add_step("write", self.write)
        await self.add_step("charge", self.write)

    async def write(self, ctx: StepContext) -> None:
        ctx["text"] = ctx.step


def steps(comparison: Comparison) -> dict[str, StepComparison]:
    return {step.name: step for step in comparison.steps}


async def run(
    storage: SnapshotStorage, saga_id: str, kind: type[Saga] = ComparedOrder, **more: Any
) -> None:
    context = {"rate": 3, "token": "good", **more}
    await kind(context, saga_id=saga_id, snapshot_storage=storage).execute()


async def test_a_replay_stands_beside_its_original_its_restored_steps_taken_from_it(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1", token="expired")
    replay = await SagaReplay("order_1", any_storage).from_checkpoint(
        "charge", context_override={"token": "new"}
    )
    assert replay.status == "success"
    found = await compare(any_storage, "order_1", "order_1~r1")
    assert [step.name for step in found.steps] == ["price", "charge", "ship"]
    price, charge, ship = found.steps
    assert price.a is not None
    assert price.b is not None
    assert (price.a.outcome, price.b.outcome, price.b.origin) == (
        "completed",
        "restored",
        "order_1",
    )
    assert (price.differs, price.changes) == ((), ())
    assert charge.a is not None
    assert charge.b is not None
    assert (charge.a.outcome, charge.a.attempts, charge.b.outcome, charge.b.attempts) == (
        "failed",
        2,
        "completed",
        1,
    )
    assert charge.a.error is not None
    assert charge.a.error.headline == "PermissionError: token expired"
    assert charge.a.duration is not None
    assert charge.differs == ("outcome", "attempts", "error", "context")
    assert charge.changes == (Difference("/charged", "added", after=True),)
    assert ship.a is not None
    assert (ship.a.outcome, ship.differs) == ("not_reached", ("outcome", "context"))
    # Where to look closer: what came of the step is told there.
    assert [run and run.sequence for run in (price.a, charge.a, ship.a)] == [2, 3, None]
    assert [run and run.sequence for run in (price.b, charge.b, ship.b)] == [None, 2, 3]
    assert found.beginning == (Difference("/token", "changed", "expired", "new"),)
    assert [difference.path for difference in found.end] == ["/charged", "/shipped", "/token"]
    assert not found.same


async def test_what_each_step_left_differs_to_the_depth_it_differs(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1", rate=3)
    await run(any_storage, "order_2", rate=4)
    found = await compare(any_storage, "order_1", "order_2")
    assert found.beginning == (Difference("/rate", "changed", 3, 4),)
    assert steps(found)["price"].changes == (
        Difference("/lines/0/price", "changed", 6, 8),
        Difference("/price/total", "changed", 6, 8),
    )
    assert steps(found)["charge"].differs == ()
    assert [difference.path for difference in found.end] == [
        "/lines/0/price",
        "/price/total",
        "/rate",
    ]


async def test_two_runs_alike_are_the_same_whatever_time_they_took(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1")
    await run(any_storage, "order_2")
    assert (await compare(any_storage, "order_1", "order_2")).same
    assert (await compare(any_storage, "order_1", "order_1")).same


async def test_runs_of_different_sagas_meet_in_the_steps_they_have_in_common(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1")
    await run(any_storage, "invoice_1", Invoice)
    found = await compare(any_storage, "order_1", "invoice_1")
    assert [step.name for step in found.steps] == ["price", "write", "charge", "ship"]
    assert steps(found)["price"].b is None
    assert steps(found)["write"].a is None
    assert steps(found)["price"].differs == ("outcome", "context")
    assert steps(found)["charge"].changes == (
        Difference("/charged", "removed", before=True),
        Difference("/text", "added", after="charge"),
    )


async def test_what_a_compensation_changed_is_not_put_down_to_the_step(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1", Undone, token="expired")
    await run(any_storage, "order_2", Undone)
    found = await compare(any_storage, "order_1", "order_2")
    price = steps(found)["price"]
    assert price.a is not None
    assert price.b is not None
    assert (price.a.undone, price.b.undone) == (True, False)
    assert (price.differs, price.changes) == (("undone",), ())
    assert "/lines/0" in [difference.path for difference in found.end]


async def test_what_a_deleted_checkpoint_had_is_taken_from_the_next(
    any_storage: SnapshotStorage,
) -> None:
    await run(any_storage, "order_1", rate=3)
    await run(any_storage, "order_2", rate=4)
    for number in (1, 2):
        gone = await any_storage.get_checkpoint("order_1", number)
        await any_storage.delete_snapshot(gone.snapshot_id)
    found = await compare(any_storage, "order_1", "order_2")
    assert steps(found)["price"].changes == (
        Difference("/lines/0/price", "changed", 6, 8),
        Difference("/price/total", "changed", 6, 8),
    )


async def test_runs_recorded_by_another_engine_are_compared_by_what_they_recorded(
    any_storage: SnapshotStorage,
) -> None:
    await record(any_storage, [{"n": 1}, {"n": 2}], "import_1")
    await record(any_storage, [{"n": 1}, {"n": 3}, {"n": 3}], "import_2")
    for saga_id, kind in (("import_1", "step_failed"), ("import_2", "after_step")):
        await any_storage.save_snapshot(
            SagaSnapshot(saga_id=saga_id, saga_name="Import", kind=kind, step_name="step_2")  # type: ignore[arg-type]
        )
    found = await compare(any_storage, "import_1", "import_2")
    second, third = steps(found)["step_2"], steps(found)["step_3"]
    assert second.a is not None
    assert second.b is not None
    assert (second.a.outcome, second.b.outcome) == ("failed", "completed")
    assert third.b is not None
    assert (third.a, third.b.outcome) == (None, "unfinished")
    assert steps(found)["step_1"].changes == (Difference("/n", "changed", 2, 3),)


async def test_a_run_longer_than_a_page_is_compared_to_its_end(
    any_storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_runs, "PAGE", 3)
    monkeypatch.setattr(left_by_steps, "PAGE", 2)
    count = 7
    for saga_id, last in (("import_1", 1), ("import_2", 2)):
        states = [*({"n": 0} for _ in range(count - 1)), {"n": last}]
        await record(any_storage, states, saga_id)
    told: list[tuple[int, int]] = []
    found = await compare(
        any_storage, "import_1", "import_2", progress=lambda *counts: told.append(counts)
    )
    assert told == [(1, 1)]
    assert len(found.steps) == count
    assert found.steps[-1].b is not None
    assert found.steps[-1].b.sequence == count
    assert [step.name for step in found.steps if step.differs] == [f"step_{count - 1}"]


async def test_steps_in_another_order_are_each_compared_once(
    any_storage: SnapshotStorage,
) -> None:
    class Forward(Saga):
        async def build(self) -> None:
            for name in self.names():
                await self.add_step(name, self.act)

        def names(self) -> list[str]:
            return [f"step_{number}" for number in range(8)]

        async def act(self, ctx: StepContext) -> str:
            return f"{ctx['word']} {ctx.step}"

    class Backward(Forward):
        def names(self) -> list[str]:
            return super().names()[::-1]

    await Forward({"word": "a"}, saga_id="a", snapshot_storage=any_storage).execute()
    await Backward({"word": "b"}, saga_id="b", snapshot_storage=any_storage).execute()
    found = await compare(any_storage, "a", "b")
    assert sorted(steps(found)) == [f"step_{number}" for number in range(8)]
    assert len(found.steps) == 8
    for name, step in steps(found).items():
        assert step.changes == (Difference(f"/{name}", "changed", f"a {name}", f"b {name}"),)


async def test_a_saga_that_is_not_there_is_named(any_storage: SnapshotStorage) -> None:
    await record(any_storage, [{}])
    for pair in (("order_1", "order_9"), ("order_9", "order_1")):
        with pytest.raises(SagaNotFoundError, match="order_9"):
            await compare(any_storage, *pair)
