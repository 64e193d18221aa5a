"""Every key on the way to a replay and beside one does what the table says of it."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.replaying.output import new_output, new_request_id
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.settings import Settings
from tests.screen.every_key.walking import (
    EVERYWHERE,
    Step,
    by_line,
    by_ten,
    chosen,
    copied,
    gone,
    leave,
    walk,
)
from tests.screen.looking import press, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging

PLAN = (
    *by_line("plan", gone("from charge, restored"), "from charge, restored"),
    Step("plan.copy", "f6", copied("sagaz replay run parcel_1 --from-step charge")),
    Step("plan.undone", "u", "restored in name only"),
    Step("plan.undone", "f3", "here, press u"),
    Step("", "u", "enter runs 3 steps"),
    Step("plan.rehearse", "s", "Rehearsal  replay of parcel_1"),
    Step("", "escape", "enter runs 3 steps"),
    Step("plan.rehearse", "f2", "Rehearsal  replay of parcel_1"),
    Step("", "escape", "enter runs 3 steps"),
    Step("plan.start", "r", "─ Start at"),
)
START = (
    Step("", "k", chosen("weigh")),
    *by_line("start", chosen("charge"), chosen("weigh")),
    *by_ten("start", chosen("charge"), chosen("weigh")),
    Step("back", "escape", gone("─ Start at")),
    Step("plan.start", "f4", "─ Start at"),
    Step("", "k", chosen("weigh")),
    Step("start.choose", "enter", "from weigh, restored"),
)
LEAVE_PLAN = (
    Step("plan.copy", "Y", copied("sagaz replay run parcel_1 --from-step weigh")),
    Step("plan.edit", "e", "Edits for the replay from weigh"),
    Step("", "escape", gone("Edits for")),
    Step("", "R", "from weigh, restored"),
    Step("plan.edit", "f5", "Edits for the replay from weigh"),
    Step("", "escape", gone("Edits for")),
    Step("", "R", "from weigh, restored"),
    Step("plan.confirm", "enter", "parcel_1~r1  ReplayedParcel"),
)
REHEARSAL = (
    *by_line("rehearsal", gone("\n it would"), "\n it would"),
    *by_ten("rehearsal", gone("\n it would"), "\n it would"),
    Step("rehearsal.compare", "c", " a  parcel_1 "),
    Step("", "escape", "\n it would"),
    Step("rehearsal.open", "enter", "GHOST  nothing ran"),
    Step("back", "escape", "\n it would"),
)
AGAIN = (
    Step("plan.again", "a", "enter runs 3 steps"),
    Step("", "a", "here, press a"),
)
DOUBT = (
    Step("plan.in-doubt", "i", "weigh   runs again"),
    Step("", "i", "weigh   restored in name only"),
    Step("", "i", "here, press i"),
)
LOG = (
    Step("debugger.log", "p", "line 39"),
    Step("", "k", gone("line 39")),
    *by_line("log", "line 39", gone("line 39")),
    *by_ten("log", "line 39", gone("line 39")),
    Step("log.first", "g", "line 0 "),
    Step("log.end", "G", "line 39"),
    Step("log.first", "home", "line 0 "),
    Step("log.end", "end", "line 39"),
    Step("back", "escape", gone("line 39")),
)
WALKS = (PLAN, START, LEAVE_PLAN, REHEARSAL, AGAIN, DOUBT, LOG)


class StuckKeyParcel(Saga):
    """Cannot be charged, and what it has weighed cannot be undone."""

    async def build(self) -> None:
        await self.add_step("weigh", self.weigh, self.unweigh)
        await self.add_step("charge", self.unweigh)

    async def weigh(self, ctx: StepContext) -> None:
        pass

    async def unweigh(self, *_: Any) -> None:
        raise ConnectionError("the scales do not answer")


async def test_on_the_way_to_a_replay(
    written: SnapshotStorage,
    looked_at: SnapshotStorage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def start(*_: object) -> str:
        return "parcel_1~r1"

    monkeypatch.setattr("sagaz_tui.screens.plan.start_replay", start)
    for number in (1, 2):
        await fail_parcel(written, f"parcel_{number}")
    await replay_parcel(written, "parcel_1", token="expired")
    await replay_parcel(written, "parcel_2")
    await StuckKeyParcel({}, saga_id="stuck", snapshot_storage=written).execute()
    async with debugging(looked_at, "parcel_1", (90, 12), settings) as pilot:
        for saga_id, steps in (("parcel_2", AGAIN), ("stuck", DOUBT)):
            pilot.app.push_screen(PlanScreen(ReplayRequest(saga_id, "charge"), confirm=True))
            await until_painted(pilot, f"replay of {saga_id}", "This cannot run")
            await walk(pilot, steps)
            press(pilot, "escape")
            await until_painted(pilot, "1 Timeline")
        press(pilot, "s")
        await until_painted(pilot, "it would")
        await walk(pilot, (*EVERYWHERE, *REHEARSAL))
        press(pilot, "escape", "R")
        await until_painted(pilot, "enter runs 3 steps")
        await walk(pilot, (*EVERYWHERE[:-1], *PLAN, *START, *LEAVE_PLAN))
        await leave(pilot)


async def test_beside_a_replay(written: SnapshotStorage, looked_at: SnapshotStorage) -> None:
    request_id = new_request_id()
    lines = "".join(f"line {number} \n" for number in range(40))
    new_output(request_id).write_text(lines)
    await fail_parcel(written)
    await replay_parcel(written, request_id=request_id)
    async with debugging(looked_at, "parcel_1~r1") as pilot:
        await until_painted(pilot, "p log")
        await walk(pilot, LOG)
        await walk(pilot, EVERYWHERE)
        await leave(pilot)
