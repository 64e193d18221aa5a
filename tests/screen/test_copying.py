"""Copying says what was copied; where the terminal cannot, the text is shown to be selected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.copying import CopyScreen
from sagaz_tui.screens.history import HistoryScreen
from sagaz_tui.settings import Settings
from sagaz_tui.showing.clipboard import AT_MOST, copy_obstacle
from sagaz_tui.widgets.lines import TextPane
from tests.screen.looking import press, until, until_painted
from tests.screen.recorded import order_snapshots, record

LONG = "".join(f"word {number:05} " for number in range(8_000))
"""More than a terminal copies."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one failed order."""
    context = {"a_long": LONG, "a_short": "tok\x1b[2J"}
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        await record(storage, order_snapshots("order_1", **context))
        yield storage


async def test_what_was_copied_is_said(store: SnapshotStorage) -> None:
    app = SagazApp(store, Settings(), "order_1", ascii=False)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_painted(pilot, "2 Context @#3", "a_short")
        press(pilot, "j", "y")
        await until_painted(pilot, "copied the value of /a_short")
        assert app.clipboard == "tok\x1b[2J"
        press(pilot, "b")
        await until_painted(pilot, "Blame a_short", "#1 ")
        press(pilot, "y")
        await until_painted(pilot, "copied the value at #1")


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 10)])
async def test_a_text_too_long_to_copy_is_shown_whole_with_nothing_beside_it(
    store: SnapshotStorage, size: tuple[int, int]
) -> None:
    app = SagazApp(store, Settings(), "order_1", ascii=False)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
        await until_painted(pilot, "7 key", "▌ ")
        press(pilot, "y")
        await until_painted(pilot, "not copied:", "word 00000", "shift")
        assert app.clipboard == ""
        pane = app.screen.query_one(TextPane)
        shown = "".join("".join(span.text for span in pane.line(n)[0]) for n in range(pane.count))
        assert shown == LONG
        press(pilot, "j", "pagedown", "k", "pageup", "j")
        await until(pilot, lambda: pane.scroll_offset.y == 1, "one line down")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen), "the debugger")


async def test_where_the_terminal_cannot_copy_escapes_are_shown_as_text(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    app = SagazApp(store, Settings(), "order_1", ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, "2 Context @#3", "a_short")
        press(pilot, "j", "y")
        await until(pilot, lambda: isinstance(app.screen, CopyScreen))
        await until_painted(pilot, "the value of /a_short · not copied: Apple", "\ntok\\x1b[2J")
        assert app.clipboard == ""


@pytest.mark.parametrize(
    ("environ", "copies"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "linux"}, False),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"VTE_VERSION": "7600"}, False),
        ({"VTE_VERSION": "7600", "TMUX": "/tmp/tmux"}, True),
    ],
)
def test_terminals_that_are_known_not_to_copy(environ: dict[str, str], copies: bool) -> None:
    assert (copy_obstacle("text", environ) == "") is copies


def test_the_limit_is_counted_in_bytes() -> None:
    assert copy_obstacle("x" * AT_MOST, {}) == ""
    assert copy_obstacle("é" * AT_MOST, {}) == "149,988 bytes are more than a terminal copies"
