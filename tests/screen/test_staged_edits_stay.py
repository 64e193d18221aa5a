"""Staged edits belong to the replay's start, outlive whatever is opened, and are asked about."""

from __future__ import annotations

from sagaz_core.storage.backends import InMemorySnapshotStorage
from tests.screen.every_key.walking import Look, Step, gone, leave, walk
from tests.screen.looking import painted, press, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel
from tests.screen.test_debugger import debugging


def same_start(screen: str) -> bool:
    """Whether the line is open, and still for the checkpoint of the failed step."""
    return "\n e> " in screen and "Edits for the replay from charge @#2" in screen


AROUND = (
    Step("", (*"eto=Bern", "enter"), "1 staged"),
    Step("", "G", "▌6 ■"),
    Step("", "e", Look("the line, for the same start", lambda app: same_start(painted(app)))),
    Step("", "escape", gone("e> ")),
    Step("", "?", "Keys and signs"),
    Step("", "escape", "1 staged"),
    Step("", "c", " b  parcel_1~r1 "),
    Step("", "escape", "1 staged"),
    Step("", (":", *"#1", "enter"), "2 Context @#1 "),
    Step("", "t", "─ Lineage of parcel_1"),
    Step("", ("j", "enter"), "parcel_1~r1  ReplayedParcel"),
)


async def test_they_stay_whatever_is_opened_over_them_and_are_asked_about_from_there() -> None:
    async with InMemorySnapshotStorage() as storage:
        await fail_parcel(storage)
        await replay_parcel(storage, token="expired")
        async with debugging(storage, "parcel_1", (100, 30)) as pilot:
            await walk(pilot, AROUND)
            press(pilot, "q")
            await until_painted(pilot, "1 edit is staged for parcel_1; q again quits")
            press(pilot, "escape")
            await until_painted(pilot, "1 staged", '~ /to  "Basel" → "Bern"')
            press(pilot, "q")
            await leave(pilot)


async def test_a_warning_that_was_not_heeded_at_once_is_given_again() -> None:
    async with InMemorySnapshotStorage() as storage:
        await fail_parcel(storage)
        async with debugging(storage, "parcel_1", (100, 30)) as pilot:
            press(pilot, *"eto=Bern", "enter", "escape")
            await until_painted(pilot, "1 staged", "esc again leaves")
            press(pilot, "h", "q", "h", "q")
            await until_painted(pilot, "2 Context @#1", "q again quits")
            pilot.app.clear_notifications()
            press(pilot, "h", "escape", "l", "escape", "2")
            await until_painted(pilot, "2 Context @#2", "esc again leaves")
            pilot.app.clear_notifications()
            await until_painted(pilot, "2 Context @#2", "1 staged")
            press(pilot, "q")
            await leave(pilot)
