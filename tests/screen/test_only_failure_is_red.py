"""Red means failure, and nothing else does."""

from __future__ import annotations

from textual.app import App

from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.showing.colours import PALETTES
from tests.screen.lists import listing
from tests.screen.looking import press, until_painted
from tests.screen.recorded import counting_snapshots, record
from tests.screen.replayed import ReplayedParcel

RED = PALETTES["dark"].fail


def reds(app: App[None]) -> list[str]:
    """The texts on the screen that are red, or on red."""
    parts = [part for strip in app.screen._compositor.render_strips() for part in strip]
    return [
        part.text
        for part in parts
        if part.style
        and any(side and side.name == RED for side in (part.style.color, part.style.bgcolor))
    ]


async def test_where_nothing_has_failed_nothing_is_red() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, counting_snapshots(3))
        for number in (1, 2):
            context = {"token": f"tok_{number}", "to": "Basel"}
            saga = ReplayedParcel(context, saga_id=f"fine_{number}", snapshot_storage=storage)
            await saga.execute()
        async with listing(storage, (120, 30)) as pilot:
            for keys, texts in (
                (("3",), ("✓ fine_1", "▸ count_1")),
                (("/", *"fine", "enter", "*", "c"), (" b  fine_1 ", "differ")),
                (("escape", "escape", "enter"), ("1 Timeline", "✓ completed", "+ /tracking")),
                (("g", "m", "G", "'"), ("(mark) →",)),
                (("t",), ("─ Lineage of fine_2",)),
                (("escape", "b"), ("─ Blame",)),
                (("escape", "?"), ("Keys and signs",)),
            ):
                press(pilot, *keys)
                await until_painted(pilot, *texts)
                assert reds(pilot.app) == [], texts


async def test_where_something_has_failed_it_is() -> None:
    async with InMemorySnapshotStorage() as storage:
        context = {"token": "expired", "to": "Basel"}
        await ReplayedParcel(context, saga_id="bad", snapshot_storage=storage).execute()
        async with listing(storage) as pilot:
            await until_painted(pilot, "▌✗ bad", "token expired 1")
            assert any("✗" in text for text in reds(pilot.app))
