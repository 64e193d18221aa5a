"""What leads to a replay: edits, the plan and its start, and the rehearsal with its ghost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sagaz_core.replay.overrides import parse_override
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.plan import PlanScreen
from sagaz_tui.screens.rehearsal import RehearsalScreen
from screenshots.recording import ORDER
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import in_each_theme, opened, show


async def test_edits_are_typed_and_staged(shop: Path, matches: Matches) -> None:
    async with opened(shop, ORDER, messages=True) as pilot:
        await until_painted(pilot, "shop/payment.py")
        press(pilot, "e")
        await matches(pilot, "edit-open")
        press(pilot, *"pay")
        await matches(pilot, "edit-completed")
        await in_each_theme(pilot, matches, "edit-completed")
        press(pilot, *"ment_token:=5", "enter")
        await matches(pilot, "edit-other-type")
        press(pilot, *["backspace"] * 3, *"=tok_new", "enter")
        await until_painted(pilot, "1 staged")
        press(pilot, "e", *"/cart/lines/0/qty:=2", "enter")
        await matches(pilot, "edit-staged")
        press(pilot, "escape")
        await matches(pilot, "edit-asks-before-leaving")


async def test_the_plan_its_start_and_its_rehearsal(shop: Path, matches: Matches) -> None:
    async with opened(shop, ORDER) as pilot:
        await until_painted(pilot, "shop/payment.py")
        press(pilot, "e", *"payment_token=tok_new", "enter")
        await until_painted(pilot, "1 staged")
        press(pilot, "R")
        await matches(pilot, "plan")
        await in_each_theme(pilot, matches, "plan")
        press(pilot, "r")
        await matches(pilot, "start")
        press(pilot, "escape", "s")
        await matches(pilot, "rehearsal")
        press(pilot, "enter")
        await matches(pilot, "ghost")
        press(pilot, "c")
        await matches(pilot, "ghost-compared")


async def test_plans_that_need_more_or_cannot_run(replayed: Path, matches: Matches) -> None:
    again = ReplayRequest(ORDER, "charge_payment", again=True)
    once = replace(again, again=False)
    wrong = replace(again, overrides=(parse_override("/cart/lines/7/qty:=1"),))
    async with opened(replayed, production="PROD-EU") as pilot:
        await show(pilot, PlanScreen(again, confirm=True))
        await matches(pilot, "plan-in-production")
        await show(pilot, PlanScreen(once, confirm=True))
        await matches(pilot, "plan-recovered-already")
        await show(pilot, PlanScreen(wrong, confirm=True))
        await matches(pilot, "plan-invalid")
        await show(pilot, PlanScreen(again, confirm=False))
        await matches(pilot, "plan-only-shown")
        await show(pilot, RehearsalScreen(wrong))
        await matches(pilot, "rehearsal-not-possible")
