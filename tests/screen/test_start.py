"""Starting a replay elsewhere: the steps to choose from, and what becomes of staged edits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.config import ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.model import ReplayPlan
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger.session import SagaSession
from sagaz_tui.edits.staged import EditLog, read_edit
from sagaz_tui.replaying.start import Start, start_near, start_of, starts_of
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.screens.start import StartScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.edit_line import EditLine
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import order_snapshots, record


class MovedStart(Saga):
    """Fills a cart, weighs it, and cannot be paid."""

    async def build(self) -> None:
        await self.add_step("fill", self.fill)
        await self.add_step("weigh", self.weigh)
        await self.add_step("pay", self.pay)

    async def fill(self, ctx: StepContext) -> None:
        ctx["cart"] = [1]

    async def weigh(self, ctx: StepContext) -> None:
        ctx["grams"] = 410

    async def pay(self, ctx: StepContext) -> None:
        raise ConnectionError("the bank does not answer")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the test's own: planning opens the store in it anew."""
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def debugging() -> AsyncIterator[Pilot[None]]:
    """The debugger of a saga that failed at its third step."""
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        await MovedStart({"card": "old"}, saga_id="m_1", snapshot_storage=storage).execute()
        app = SagazApp(storage, Settings(storage_url="sqlite:///sagaz.db"), "m_1", ascii=False)
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await until_painted(pilot, "pay failed")
            yield pilot


async def stage(pilot: Pilot[None], text: str) -> None:
    press(pilot, "e", *text, "enter")
    await until(pilot, lambda: not edits(pilot).typing and edits(pilot).edits, "staged")


def edits(pilot: Pilot[None]) -> EditLine:
    screen = next(each for each in pilot.app.screen_stack if isinstance(each, DebuggerScreen))
    return screen.query_one(EditLine)


async def move_start(pilot: Pilot[None], *keys: str, to: str, at_first: str = "pay") -> None:
    """Choose another start in a plan, and go back to the debugger."""
    press(pilot, "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen), "the plan")
    press(pilot, "r")
    await until_painted(pilot, "Start at", f"▌ {at_first}")
    press(pilot, *keys, "enter")
    await until_painted(pilot, f"from {to}, restored as it was")
    press(pilot, "escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")


async def test_a_saga_can_start_at_each_step_that_was_begun() -> None:
    async with InMemorySnapshotStorage() as storage:
        store: SnapshotStorage = storage
        await MovedStart({}, saga_id="m_1", snapshot_storage=store).execute()
        starts = await starts_of(store, "m_1")
        assert [each.step for each in starts] == ["fill", "weigh", "pay"]
        assert starts[0] == Start("fill", 1)
        assert await starts_of(store, "nobody") == []


class MovedByHand(Saga):
    """Four steps, of which the third fails if it is to, with checkpoints by hand if asked for."""

    async def build(self) -> None:
        for number in range(1, 5):
            await self.add_step(f"s{number}", self.act, self.undo, depends_on=self.after(number))

    def after(self, number: int) -> list[str] | None:
        return None

    async def act(self, ctx: StepContext) -> int:
        if ctx.step in ctx["by_hand"]:
            await self.checkpoint("by hand")
        if ctx.step == ctx["fails"]:
            raise ConnectionError("no answer")
        return 1

    async def undo(self, result: int, ctx: StepContext) -> None:
        if ctx["by_hand"]:
            await self.checkpoint("undoing")


class MovedInBranches(MovedByHand):
    """The same, the second and third step at the same time."""

    def after(self, number: int) -> list[str] | None:
        return [[], ["s1"], ["s1"], ["s2", "s3"]][number - 1]


@pytest.mark.parametrize("by_hand", [[], ["s2", "s3"]])
@pytest.mark.parametrize("fails", ["", "s3"])
@pytest.mark.parametrize(
    "strategy", ["before_each_step", "after_each_step", "on_failure", "manual"]
)
@pytest.mark.parametrize("saga", [MovedByHand, MovedInBranches])
async def test_the_starts_are_those_that_a_plan_has_whatever_was_recorded(
    saga: type[Saga], strategy: SnapshotStrategy, fails: str, by_hand: list[str]
) -> None:
    config = SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy)
    )
    context = {"by_hand": by_hand, "fails": fails}
    async with InMemorySnapshotStorage() as storage:
        made = saga(context, saga_id="m_1", config=config, snapshot_storage=storage)
        await made.execute()
        starts = await starts_of(storage, "m_1")
        if await storage.get_saga("m_1") is not None:
            assert set(starts) == {
                Start(step, plan.sequence)
                for step in ("s1", "s2", "s3", "s4")
                if (plan := await dry_run(storage, step)).sequence is not None
            }
        for mark in await storage.list_marks("m_1", 1, 100):
            near = await start_near(storage, "m_1", mark.seq)
            assert near is None or near in starts
            if mark.kind == "step_failed":
                assert await start_of(storage, "m_1", "s3", mark.seq) in starts


async def test_where_nothing_can_start_that_is_said() -> None:
    only_ends = ReplayConfig(enable_snapshots=True, snapshot_strategy="on_completion")
    config = SagaConfig(replay_config=only_ends)
    async with InMemorySnapshotStorage() as storage:
        context = {"by_hand": [], "fails": ""}
        await MovedByHand(context, saga_id="m_1", config=config, snapshot_storage=storage).execute()
        app = SagazApp(storage, Settings(), "m_1", ascii=False)
        async with app.run_test(size=(120, 24), notifications=True) as pilot:
            await until_painted(pilot, "1 Timeline", "completed")
            press(pilot, "d")
            await until_painted(pilot, "no step can start: no checkpoint of the way forward")


class MovedWhileOpen(Saga):
    """One of two branches fails, and the other one ends when it may."""

    begun: asyncio.Event
    may_end: asyncio.Event

    async def build(self) -> None:
        await self.add_step("quick", self.quick, depends_on=[])
        await self.add_step("slow", self.slow, depends_on=[])

    async def quick(self, ctx: StepContext) -> None:
        await self.begun.wait()
        raise ConnectionError("no answer")

    async def slow(self, ctx: StepContext) -> None:
        self.begun.set()
        await self.may_end.wait()


async def test_the_start_moves_on_with_a_step_that_ends_after_the_one_that_failed() -> None:
    async with InMemorySnapshotStorage() as storage:
        saga = MovedWhileOpen({}, saga_id="m_1", snapshot_storage=storage)
        saga.begun, saga.may_end = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(saga.execute())
        async for snapshot in storage.follow("m_1"):
            if snapshot.kind == "step_failed":
                break
        session = SagaSession(storage, "m_1")
        await session.refresh()
        assert session.view is not None
        assert session.view.start == Start("quick", 2)
        saga.may_end.set()
        await running
        await session.refresh()
        assert session.view.start == Start("quick", 4)
        assert (await dry_run(storage, "quick")).sequence == 4


async def dry_run(storage: SnapshotStorage, step: str) -> ReplayPlan:
    result = await SagaReplay("m_1", storage).from_checkpoint(step, dry_run=True)
    assert result.plan is not None
    return result.plan


async def test_the_plan_and_the_mark_in_the_debugger_move_with_the_start() -> None:
    async with debugging() as pilot:
        await until_painted(pilot, "before pay")
        await move_start(pilot, "k", to="weigh")
        screen = pilot.app.screen
        assert isinstance(screen, DebuggerScreen)
        await until(pilot, lambda: screen.start and screen.start.step == "weigh", "the start")
        press(pilot, "d")
        await until_painted(pilot, "from weigh, restored as it was")


async def test_an_edit_that_does_not_fit_the_new_start_stays_and_says_why() -> None:
    async with debugging() as pilot:
        await stage(pilot, "card=new")
        await stage(pilot, "/cart/0:=2")
        await move_start(pilot, "k", "k", to="fill")
        await until_painted(
            pilot, "Edits for the replay from fill", "1 no longer fits", "there is no 'cart'"
        )
        assert [each.pointer for each in edits(pilot).edits] == ["/card", "/cart/0"]
        press(pilot, "d")
        await until_painted(pilot, "This cannot run as it stands")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        await move_start(pilot, "j", to="weigh", at_first="fill")
        await until_painted(pilot, "~ /cart/0")
        assert "no longer" not in painted(pilot.app)


async def test_where_the_steps_are_not_recorded_the_one_that_failed_can_be_started_at() -> None:
    async with InMemorySnapshotStorage() as storage:
        store: SnapshotStorage = storage
        await record(store, order_snapshots())
        assert [each.step for each in await starts_of(store, "order_1")] == ["reserve", "charge"]


async def test_nothing_is_chosen_before_the_steps_are_there() -> None:
    async with debugging() as pilot:
        sheet = StartScreen("nobody", "pay")
        pilot.app.push_screen(sheet)
        await until_painted(pilot, "no step can start: no checkpoint of the way forward")
        press(pilot, "enter")
        await pilot.pause()
        assert pilot.app.screen is sheet


def test_what_was_taken_back_is_checked_for_the_new_start_too() -> None:
    log = EditLog().staged(read_edit("/cart/0:=2", {"cart": [1]})).undone()
    assert log.read_again({}).redone().edits[0].problem.startswith("/cart")
    fits = log.read_again({}).read_again({"cart": [7]}).redone().edits[0]
    assert (fits.problem, fits.before, fits.after) == ("", 7, 2)
