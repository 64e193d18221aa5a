"""Rehearsals: a replay is walked to its end, nothing happens, and nothing is written."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import redis
from pydantic import BaseModel

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.errors import PlanChangedError, UsageError
from sagaz_core.history.compare import compare
from sagaz_core.history.diff import diff_checkpoints
from sagaz_core.history.lineage import lineage
from sagaz_core.model import MISSING, Rehearsal, ReplayResult
from sagaz_core.replay.recorded import RecordedRun
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.parcels import WORLD, Parcel, happen, parcel

PAID = {"card": "mine"}


@pytest.fixture
def storage(any_storage: SnapshotStorage) -> SnapshotStorage:
    """A store of each of the three kinds."""
    return any_storage


@pytest.fixture(autouse=True)
def _world_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORLD, "closed", False)


async def record(
    storage: SnapshotStorage,
    saga_id: str = "p1",
    saga_class: type[Saga] = Parcel,
    strategy: Any = "before_each_step",
    **changes: Any,
) -> None:
    config = SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy)
    )
    saga = saga_class(parcel(**changes), saga_id=saga_id, snapshot_storage=storage, config=config)
    await saga.execute()


async def rehearse(storage: SnapshotStorage, step: str = "pay", **how: Any) -> ReplayResult:
    """Rehearse a replay of ``p1``, in a world in which nothing may happen."""
    WORLD["closed"] = True
    saga_id = how.pop("saga_id", "p1")
    return await SagaReplay(saga_id, storage).from_checkpoint(step, simulate=True, **how)


def made(result: ReplayResult) -> Rehearsal:
    assert result.rehearsal is not None, result.error_message
    return result.rehearsal


def known(result: ReplayResult) -> dict[str, tuple[str | None, str | None]]:
    return {step.name: (step.known_from, step.known_saga) for step in made(result).steps}


def outcomes(result: ReplayResult) -> dict[str, str]:
    return {step.name: step.outcome for step in made(result).steps}


# ---------------------------------------------------------------- where it is known from


async def test_what_the_run_itself_recorded_comes_first_and_the_rest_is_borrowed(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "older", **PAID)
    await record(storage, "newer", **PAID)
    await record(storage)
    result = await rehearse(storage, context_override=PAID)
    assert (result.status, result.error_message) == ("success", None)
    assert known(result) == {
        "pack": ("recorded", "p1"),
        "weigh": (None, None),
        "pay": ("borrowed", "newer"),
        "send": ("borrowed", "newer"),
    }
    assert outcomes(result) == {
        "pack": "completed",
        "weigh": "restored",
        "pay": "completed",
        "send": "completed",
    }
    assert result.context["boxes"] == [{"size": "S"}]
    assert result.context["paid"] is True
    assert "loose" not in result.context


async def test_each_step_says_what_it_changed_and_the_end_what_differs_from_the_checkpoint(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "other", **PAID)
    await record(storage)
    rehearsal = made(await rehearse(storage, context_override=PAID))
    changed = {step.name: [c.path for c in step.changes] for step in rehearsal.steps}
    assert changed["pay"] == ["/paid", "/pay"]
    assert changed["send"] == ["/send"]
    assert {(c.path, c.before, c.after) for c in rehearsal.changes} == {
        ("/card", "stolen", "mine"),
        ("/paid", MISSING, True),
        ("/pay", MISSING, "receipt of other"),
        ("/send", MISSING, "track of other"),
    }


async def test_a_step_of_a_replay_is_known_from_the_saga_in_which_it_ran(
    storage: SnapshotStorage,
) -> None:
    await record(storage, heavy=True, **PAID)
    # Restored in name by the replay, so it is still undone when that is replayed in its turn.
    again = SagaReplay("p1", storage)
    failed = await again.from_checkpoint("send", compensated="keep")
    assert failed.status == "failed"
    result = await rehearse(
        storage, "send", saga_id=failed.new_saga_id, context_override={"heavy": False}
    )
    assert known(result)["pack"] == ("recorded", "p1")
    assert made(result).unknown_from == "send"


async def test_the_older_code_of_a_recorded_step_is_said(storage: SnapshotStorage) -> None:
    await record(storage, **PAID)

    class Changed(Parcel):
        async def send(self, ctx: Any) -> str:
            raise AssertionError(ctx)

    result = await rehearse(storage, "send", saga_factory=Changed)
    assert known(result)["send"] == ("recorded", "p1")
    assert made(result).steps[-1].note == "its code has changed since"


class Rehearsed(Parcel):
    """A parcel whose last steps say how they are rehearsed."""

    seen: ClassVar[list[Any]] = []

    async def build(self) -> None:
        await self.add_step("pack", self.pack, self.unpack)
        await self.add_step("weigh", self.weigh)
        await self.add_step("pay", self.pay, self.pay_back, simulate=self.pretend_to_pay)
        await self.add_step("send", self.send, simulate=self.pretend_to_send)

    async def pretend_to_pay(self, ctx: StepContext) -> str:
        self.seen.append((ctx.saga_id, ctx.step, ctx["card"]))
        ctx["paid"] = "not really"
        assert await self.checkpoint("half way")
        return "no receipt"

    def pretend_to_send(self, ctx: StepContext) -> str:
        return f"after {ctx['pay']}"


async def test_a_step_with_a_simulate_function_is_walked_by_it(storage: SnapshotStorage) -> None:
    Rehearsed.seen.clear()
    await record(storage, "other", Rehearsed, **PAID)
    await record(storage, saga_class=Rehearsed)
    result = await rehearse(storage, context_override=PAID)
    assert result.status == "success"
    assert known(result)["pay"] == known(result)["send"] == ("simulate", None)
    assert Rehearsed.seen == [("p1~rehearsal", "pay", "mine")]
    assert result.context["paid"] == "not really"
    history = made(result)
    last = await history.storage.get_latest_snapshot(history.saga_id)
    assert last.results["send"] == "after no receipt"
    timeline = await history.storage.list_checkpoints(history.saga_id)
    assert "half way" in [entry.label for entry in timeline]


# ---------------------------------------------------------------- where nothing is known


async def test_it_stops_at_a_step_of_which_nothing_is_known_and_undoes_nothing(
    storage: SnapshotStorage,
) -> None:
    await record(storage)
    result = await rehearse(storage, context_override=PAID)
    assert (result.status, result.compensation) == ("stopped", "none")
    assert made(result).unknown_from == "pay"
    assert result.error_message is not None
    assert result.error_message.startswith("from step 'pay' on nothing is known: ")
    assert outcomes(result) == {
        "pack": "completed",
        "weigh": "restored",
        "pay": "not_reached",
        "send": "not_reached",
    }
    assert known(result)["pay"] == known(result)["send"] == ("unknown", None)
    history = made(result)
    timeline = await history.storage.list_checkpoints(history.saga_id)
    assert [(entry.kind, entry.label) for entry in timeline] == [
        ("before_step", None),
        ("manual", "nothing is known from step pay on"),
    ]
    saga = await history.storage.get_saga(history.saga_id)
    assert saga is not None
    assert saga.status == "interrupted"


async def test_nothing_is_borrowed_from_other_code_another_name_or_a_failure(
    storage: SnapshotStorage,
) -> None:
    class Changed(Parcel):
        async def pay(self, ctx: Any) -> str:
            return "changed"

    class Other(Parcel):
        pass

    Changed.__name__ = "Parcel"
    await record(storage, "changed", Changed, **PAID)
    await record(storage, "other", Other, **PAID)
    await record(storage, "failed", heavy=True, **PAID)
    await record(storage)
    result = await rehearse(storage, context_override=PAID, saga_factory=Parcel)
    assert made(result).unknown_from == "pay"
    # The step after it is known, from a saga in which only the step before it was another.
    assert known(result)["send"] == ("borrowed", "changed")
    assert outcomes(result)["send"] == "not_reached"


async def test_a_value_that_a_later_step_has_overwritten_is_not_taken_for_what_a_step_left(
    storage: SnapshotStorage,
) -> None:
    class Twice(Parcel):
        async def build(self) -> None:
            await self.add_step("first", self.first)
            await self.add_step("second", self.second)

        async def first(self, ctx: Any) -> None:
            ctx["owner"] = "first"

        async def second(self, ctx: Any) -> None:
            if ctx["card"] == "stolen":
                raise PermissionError
            ctx["owner"] = "second"

    await record(storage, saga_class=Twice)
    await record(storage, "sparse", Twice, strategy="on_completion", **PAID)
    result = await rehearse(storage, "first", context_override=PAID)
    assert known(result) == {"first": ("recorded", "p1"), "second": ("borrowed", "sparse")}

    assert await RecordedRun(storage, "sparse").change_of("first") is None


class Graph(Saga):
    """Two branches and their end: ``left`` is known, ``right`` may not be."""

    async def build(self) -> None:
        await self.add_step("start", self.act)
        await self.add_step("left", self.act, depends_on=["start"])
        await self.add_step("further", self.act, depends_on=["left"])
        await self.add_step("right", self.fail, depends_on=["start"])
        await self.add_step("end", self.act, depends_on=["further", "right"])

    async def act(self, ctx: StepContext) -> str:
        happen()
        ctx[f"by_{ctx.step}"] = True
        return ctx.step

    async def fail(self, ctx: StepContext) -> None:
        happen()
        if ctx["card"] == "stolen":
            raise PermissionError("declined")


async def test_a_graph_is_walked_in_its_order_and_past_the_branch_that_is_not_known(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "other", Graph, **PAID)
    result = await rehearse(storage, "start", saga_id="other")
    assert (result.status, set(outcomes(result).values())) == ("success", {"completed"})
    history = made(result)
    last = await history.storage.get_latest_snapshot(history.saga_id)
    assert last.completed_steps.index("left") < last.completed_steps.index("further")
    assert last.completed_steps[-1] == "end"

    class Renewed(Graph):
        async def fail(self, ctx: StepContext) -> None:
            raise AssertionError(ctx)

    Renewed.__name__ = "Graph"
    WORLD["closed"] = False
    await record(storage, "p3", Renewed)
    result = await rehearse(storage, "start", saga_id="p3", saga_factory=Renewed)
    assert (result.status, made(result).unknown_from) == ("stopped", "right")
    assert outcomes(result) == {
        "start": "completed",
        "left": "completed",
        "further": "completed",
        "right": "not_reached",
        "end": "not_reached",
    }


# ---------------------------------------------------------------- failing on the way


async def test_a_forced_failure_walks_the_compensations_as_they_were_recorded(
    storage: SnapshotStorage,
) -> None:
    await record(storage, heavy=True, **PAID)
    result = await rehearse(storage, "send", force_failure=True)
    assert (result.status, result.compensation) == ("failed", "completed")
    assert result.error_message is not None
    assert "send: ForcedFailureError" in result.error_message
    steps = {step.name: step for step in made(result).steps}
    assert (steps["send"].outcome, steps["send"].known_from) == ("failed", "forced")
    assert [name for name, step in steps.items() if step.undone] == ["pack", "pay"]
    assert steps["pack"].undoing_known
    assert (result.context["paid"], result.context["returned"]) == (False, "box of p1")
    history = made(result)
    kinds = [entry.kind for entry in await history.storage.list_checkpoints(history.saga_id)]
    assert kinds[-3:] == ["before_compensation", "after_compensation", "failed"]


async def test_a_compensation_that_was_never_recorded_is_taken_to_change_nothing_and_says_so(
    storage: SnapshotStorage,
) -> None:
    await record(storage, **PAID)
    result = await rehearse(storage, "pay", force_failure="send")
    assert (result.status, outcomes(result)["pay"]) == ("failed", "completed")
    steps = {step.name: step for step in made(result).steps}
    assert (steps["pay"].undone, steps["pay"].undoing_known) == (True, False)
    assert result.context["paid"] is True


@pytest.mark.parametrize("step", ["weigh", "nonsense"])
@pytest.mark.parametrize("kind", ["dry_run", "simulate"])
async def test_a_step_that_does_not_run_cannot_be_made_to_fail(
    storage: SnapshotStorage, step: str, kind: str
) -> None:
    await record(storage, **PAID)
    replay = SagaReplay("p1", storage)
    asked: dict[str, Any] = {kind: True}
    result = await replay.from_checkpoint("send", force_failure=step, **asked)
    assert (result.status, result.rehearsal) == ("invalid", None)
    assert result.plan is not None
    (problem,) = result.plan.problems
    assert (problem.code, problem.step) == ("force_failure", step)
    assert problem.message.endswith("so it cannot be made to fail; choose one that runs: send")


async def test_a_real_replay_can_be_made_to_fail_at_a_later_step(storage: SnapshotStorage) -> None:
    await record(storage, **PAID)
    result = await SagaReplay("p1", storage).from_checkpoint("pay", force_failure="send")
    assert (result.status, result.compensation) == ("failed", "completed")
    assert result.error_message is not None
    assert result.error_message.startswith("send: ForcedFailureError")


async def test_a_simulate_function_that_raises_fails_the_rehearsal(
    storage: SnapshotStorage,
) -> None:
    class Refusing(Parcel):
        async def build(self) -> None:
            await self.add_step("pack", self.pack, self.unpack)
            await self.add_step("pay", self.pay, simulate=self.refuse)

        def refuse(self, ctx: Any) -> None:
            raise PermissionError(f"{ctx['card']} would be declined")

    await record(storage, saga_class=Refusing)
    result = await rehearse(storage)
    assert result.status == "failed"
    assert result.error_message == "pay: PermissionError: stolen would be declined"
    assert made(result).steps[0].undone


async def test_a_simulate_function_that_hangs_runs_into_the_steps_timeout(
    storage: SnapshotStorage,
) -> None:
    class Hanging(Parcel):
        async def build(self) -> None:
            await self.add_step("pay", self.pay, timeout=0.01, simulate=self.hang)

        async def hang(self, _ctx: Any) -> None:
            await asyncio.Event().wait()

    await record(storage, saga_class=Hanging)
    result = await rehearse(storage)
    assert (result.status, outcomes(result)) == ("failed", {"pay": "timed_out"})
    assert result.error_message is not None
    assert "longer than its timeout of 0.01 s" in result.error_message


async def test_a_step_that_took_longer_than_it_may_today_times_out(
    storage: SnapshotStorage,
) -> None:
    class Slow(Parcel):
        limit: ClassVar[float | None] = None

        async def build(self) -> None:
            await self.add_step("pay", self.wait, timeout=self.limit)

        async def wait(self, _ctx: Any) -> None:
            await asyncio.sleep(0.02)

    await record(storage, saga_class=Slow)
    Slow.limit = 0.001
    result = await rehearse(storage)
    assert outcomes(result) == {"pay": "timed_out"}


async def test_a_context_that_does_not_fit_its_model_is_not_rehearsed(
    storage: SnapshotStorage,
) -> None:
    class Sized(BaseModel):
        size: str

    class Modelled(Parcel):
        context_model = Sized

    await record(storage, saga_class=Modelled)
    result = await rehearse(storage, context_override={"size": 7}, allow_type=["/size"])
    assert (result.status, result.rehearsal) == ("invalid", None)
    assert result.plan is not None
    assert [problem.code for problem in result.plan.problems] == ["model_refused"]


# ---------------------------------------------------------------- what it leaves behind


async def test_its_history_is_one_like_any_other_beside_a_copy_of_the_original(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "other", **PAID)
    await record(storage)
    history = made(await rehearse(storage, context_override=PAID))
    memory = history.storage
    found = await compare(memory, "p1", history.saga_id)
    assert {step.name: step.differs for step in found.steps}["pay"] == (
        "outcome",
        "error",
        "context",
    )
    tree = await lineage(history.saga_id, memory)
    assert [(branch.saga.saga_id, branch.depth) for branch in tree.branches] == [
        ("p1", 0),
        ("p1~rehearsal", 1),
    ]
    head = (await memory.get_saga(history.saga_id)).checkpoints
    assert "/send" in [c.path for c in await diff_checkpoints(memory, history.saga_id, 1, head)]
    info = await memory.get_run(history.saga_id)
    original = await storage.get_run("p1")
    assert info.steps == original.steps


async def test_nothing_is_written_and_a_store_opened_to_look_only_is_enough(
    tmp_path: Path,
) -> None:
    path = tmp_path / "parcels.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await record(storage, "other", **PAID)
        await record(storage)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    async with SQLiteSnapshotStorage(path, read_only=True) as looked_at:
        result = await rehearse(looked_at, context_override=PAID)
        assert (result.status, result.new_saga_id) == ("success", None)
        assert await looked_at.list_replays() == []
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


async def test_a_redis_opened_to_look_only_is_enough_and_keeps_every_byte(redis_url: str) -> None:
    prefix = f"{uuid4()}:"

    def everything() -> dict[bytes, bytes | None]:
        with redis.Redis.from_url(redis_url) as client:
            return {key: client.dump(key) for key in client.scan_iter(f"{prefix}*")}

    async with RedisSnapshotStorage(redis_url=redis_url, key_prefix=prefix) as storage:
        await record(storage, "other", **PAID)
        await record(storage)
    before = everything()
    async with RedisSnapshotStorage(
        redis_url=redis_url, key_prefix=prefix, read_only=True
    ) as looked_at:
        result = await rehearse(looked_at, context_override=PAID)
        assert (result.status, result.new_saga_id) == ("success", None)
    assert everything() == before


async def test_it_may_be_rehearsed_while_another_run_of_the_family_acts(
    storage: SnapshotStorage,
) -> None:
    await record(storage, "other", **PAID)
    await record(storage)
    lease = await storage.acquire_lease("p1", owner="me", holder="p1~r1")
    result = await rehearse(storage, context_override=PAID)
    assert result.status == "success"
    await lease.release()


async def test_a_plan_that_changed_since_it_was_shown_is_not_rehearsed(
    storage: SnapshotStorage,
) -> None:
    await record(storage)
    shown = await SagaReplay("p1", storage).from_checkpoint("pay", dry_run=True)
    assert shown.plan is not None
    with pytest.raises(PlanChangedError):
        await rehearse(storage, context_override=PAID, plan_digest=shown.plan.digest)


async def test_a_step_without_a_checkpoint_makes_the_plan_invalid(
    storage: SnapshotStorage,
) -> None:
    await record(storage)
    result = await rehearse(storage, "send")
    assert (result.status, result.rehearsal) == ("invalid", None)


async def test_a_dry_run_that_is_also_a_rehearsal_is_refused(storage: SnapshotStorage) -> None:
    await record(storage)
    with pytest.raises(UsageError, match="ask for one of them"):
        await rehearse(storage, dry_run=True)
