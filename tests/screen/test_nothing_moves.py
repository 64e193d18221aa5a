"""New data never moves a cursor, a scroll or a fold, and what follows is only the checkpoint."""

from __future__ import annotations

from dataclasses import replace

from textual.app import App

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.timeline import Timeline
from sagaz_tui.widgets.why import WhyText
from tests.screen.looking import painted, press, until_painted
from tests.screen.recorded import counting_snapshots, record
from tests.screen.test_debugger import debugging


def growing(count: int, first: int = 1) -> list[SagaSnapshot]:
    """A saga of many keys, every one of which changes at each step."""
    made = counting_snapshots(count, first=first)
    return [
        replace(each, context={f"key_{n:02}": [first + at, n] for n in range(40)})
        for at, each in enumerate(made)
    ]


def places(app: App[None]) -> list[object]:
    """Where the panes are scrolled to, and where the context's cursor is."""
    tree = app.screen.query_one(ContextTree)
    panes = [app.screen.query_one(Timeline), *app.screen.query(WhyText), tree]
    return [tree.path, *(pane.scroll_offset for pane in panes)]


def below_the_title(app: App[None]) -> list[str]:
    """What the panes show, but for how long their scrollbars are."""
    bars = str.maketrans(dict.fromkeys("▁▂▃▄▅▆▇█", " "))
    return painted(app).translate(bars).splitlines()[5:]


async def test_folds_scroll_and_the_keys_cursor_stay_while_a_saga_is_followed() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, growing(3))
        async with debugging(storage, "count_1", (100, 24)) as pilot:
            press(pilot, *["ctrl+d"] * 2, "enter", "j")
            await until_painted(pilot, "▌~    0", "▾ key_20", "LIVE")
            tree = pilot.app.screen.query_one(ContextTree)
            before = tree.path, tree.scroll_offset
            await record(storage, growing(1, first=4))
            await until_painted(pilot, "2 Context @#4", "▾ key_20", "LIVE")
            assert (tree.path, tree.scroll_offset) == before
            assert tree.value == 4


async def test_a_checkpoint_that_was_stepped_away_from_stays_as_it_is_looked_at() -> None:
    async with InMemorySnapshotStorage() as storage:
        await record(storage, growing(20))
        async with debugging(storage, "count_1", (100, 24)) as pilot:
            press(pilot, "h", "ctrl+d", "3", "ctrl+d")
            await until_painted(pilot, "2 Context @#19", "/key_14")
            before = places(pilot.app)
            panes = below_the_title(pilot.app)
            await record(storage, growing(4, first=21))
            await until_painted(pilot, "+4 new", "#19/24")
            assert places(pilot.app) == before
            assert below_the_title(pilot.app) == panes
