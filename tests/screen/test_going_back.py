"""``esc`` goes back one layer at a time, the one that was opened last first."""

from __future__ import annotations

from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.screens.sagas import SagasScreen
from tests.screen.every_key.walking import Step, gone, lit, walk
from tests.screen.failures import TIMEOUT, fail
from tests.screen.lists import listing
from tests.screen.looking import press, until, until_painted
from tests.screen.recorded import order_snapshots, record
from tests.screen.test_debugger import debugging


async def test_in_the_list_what_is_typed_goes_first_then_marks_the_one_error_and_the_filter() -> (
    None
):
    async with InMemorySnapshotStorage() as storage:
        for number in (1, 2, 3):
            await fail(storage, f"order_{number}", age=100 - number)
        await fail(storage, "parcel_1", age=50)
        await fail(storage, "order_4", age=40, error=TIMEOUT)
        async with listing(storage) as pilot:
            await walk(
                pilot,
                (
                    Step("", ("/", *"order_", "enter"), gone("parcel_1")),
                    Step("", "E", gone("order_4")),
                    Step("", "*", "• 3 marked"),
                    Step("", ("/", "x"), " / x "),
                    Step("back", "escape", " / order_ "),
                    Step("back", "escape", gone("marked")),
                    Step("back", "escape", "order_4"),
                    Step("back", "escape", "parcel_1"),
                ),
            )
            press(pilot, "escape", "j")
            await until_painted(pilot, "▌✗ parcel_1")


async def test_in_the_debugger_the_line_goes_first_and_staged_edits_are_asked_about_last() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, order_snapshots())
        async with debugging(storage, size=(100, 30)) as pilot:
            await walk(
                pilot,
                (
                    Step("", ("e", *"amount=5", "enter"), "1 staged"),
                    Step("", ("3", "enter"), "nothing changed"),
                    Step("", ("g", "m", "l", "'"), "#1 (mark) → #2"),
                    Step("", "e", "e> "),
                    Step("back", "escape", gone("e> ")),
                    Step("back", "escape", gone("(mark) →")),
                    Step("", ("2", "/"), "search keys and values"),
                    Step("back", "escape", gone("search keys and values")),
                    Step("", ("f", "3", "enter"), "nothing changed"),
                    Step("back", "escape", "attempt 3 of 3"),
                    Step("", "2", lit("2 Context")),
                    Step("back", "escape", "1 edit is staged for order_1; esc again leaves"),
                ),
            )
            press(pilot, "escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, SagasScreen), "the list")
