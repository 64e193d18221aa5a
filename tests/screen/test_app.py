"""The program around the screens: sizes, themes, keys, help, palette, leaving."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from sagaz_core.errors import UsageError
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.help import HelpScreen, help_lines
from sagaz_tui.screens.palette import PaletteScreen
from sagaz_tui.screens.sagas import SagasScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.saga_table import SagaTable
from tests.screen.failures import NOW, fail
from tests.screen.looking import painted, press, texts, until, until_painted


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with two failed orders."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        await fail(storage, "order_1", age=100)
        await fail(storage, "order_2", age=50)
        yield storage


def app_on(store: SnapshotStorage, saga_id: str | None = None, **more: object) -> SagazApp:
    """The app with a clock that stands."""
    settings = Settings(keys=more.pop("keys", {}))  # type: ignore[arg-type]
    return SagazApp(store, settings, saga_id, clock=lambda: NOW, ascii=bool(more.get("ascii")))


async def listed(pilot: Pilot[None]) -> None:
    """Wait for the list."""
    await until_painted(pilot, "order_2", "1 Failed 2")


async def test_a_tiny_terminal_gets_one_sentence_and_loses_nothing(
    store: SnapshotStorage,
) -> None:
    app = app_on(store)
    async with app.run_test(size=(1, 1)) as pilot:
        await until(pilot, lambda: app.screen.query_one(SagaTable).rows, "rows")
        for size in ((1, 1), (10, 3), (39, 24), (80, 9)):
            await pilot.resize_terminal(*size)
            press(pilot, "j", "/", "x", "escape", "?", "escape")
            await pilot.pause()
            if size[0] >= 10:
                assert "too small" in " ".join(painted(app).split())
        await pilot.resize_terminal(80, 24)
        await listed(pilot)
        assert "too small" not in painted(app)


async def test_from_forty_by_ten_up_the_list_fits(store: SnapshotStorage) -> None:
    app = app_on(store)
    async with app.run_test(size=(40, 10)) as pilot:
        for size in ((40, 10), (80, 24), (120, 40), (300, 80)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.size == size, f"{size}")
            await until_painted(pilot, "✗ order_1", "enter open", "q quit")


async def test_without_unicode_nothing_but_ascii_is_painted(store: SnapshotStorage) -> None:
    app = app_on(store, ascii=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, ">x order_2")
        # What Textual hands to the driver has gone through the app's last filter.
        strips = app.screen._compositor.render_strips()
        assert "".join(segment.text for strip in strips for segment in strip).isascii()
        press(pilot, "?")
        await until_painted(pilot, "Keys and signs")
        assert painted(app).isascii()


async def test_without_colour_signs_and_words_still_tell(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_on(store)
    assert app.no_color
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, "▌✗ order_2", "CardDeclined", "LIVE")


GROUNDS = {"dark": "#12151b", "light": "#fbfbfa", "contrast": "#000000", "ansi": "default"}


@pytest.mark.parametrize("name", GROUNDS)
async def test_the_theme_of_the_settings_is_shown(store: SnapshotStorage, name: str) -> None:
    app = SagazApp(store, Settings(theme=name), ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(pilot)
        assert set(app.available_themes) == {f"sagaz-{each}" for each in GROUNDS}
        assert grounds(app) == {GROUNDS[name]}
        if name == "dark":
            for other in ("light", "ansi", "contrast"):
                press(pilot, ":")
                await until(pilot, lambda: isinstance(app.screen, PaletteScreen))
                press(pilot, *f"theme {other}", "enter")
                await until(pilot, lambda ground=GROUNDS[other]: grounds(app) == {ground})


def grounds(app: SagazApp) -> set[str]:
    """The backgrounds of a row that the cursor is not on."""
    strip = app.screen_stack[0].query_one(SagaTable).render_line(1)
    return {style.bgcolor.name for _, style, _ in strip if style and style.bgcolor}


async def test_the_terminals_own_colours_go_without_any_where_none_are_wanted(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = SagazApp(store, Settings(theme="ansi"), ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, "▌✗ order_2")
        table = app.screen.query_one(SagaTable)
        rows = table.render_lines(Region(0, 0, 80, 2))
        styles = [style for row in rows for _, style, _ in row]
        assert all(style and style.color and style.color.is_default for style in styles)


async def test_help_tells_of_this_screen_first_and_closes_by_escape(
    store: SnapshotStorage,
) -> None:
    app = app_on(store)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(pilot)
        press(pilot, "?")
        await until_painted(pilot, "Keys and signs", "Saga list", "open the saga in the debugger")
        press(pilot, "?", "j")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, SagasScreen), "the list")


def test_help_shows_every_key_as_it_is_remapped_and_every_sign() -> None:
    lines = "\n".join(texts(help_lines("plan", {"plan.confirm": "x"}, 200, ascii=False)))
    assert lines.index("Plan\n") < lines.index("Everywhere") < lines.index("Saga list")
    assert "   x                       run it" in lines
    assert "✗                       failed" in lines


async def test_keys_can_be_remapped_and_the_footer_says_so(store: SnapshotStorage) -> None:
    app = app_on(store, keys={"list.down": "n", "list.open": "o"})
    async with app.run_test(size=(80, 24)) as pilot:
        await until_painted(pilot, "▌✗ order_2", "o open")
        press(pilot, "j")
        await pilot.pause()
        assert "▌✗ order_2" in painted(app)
        press(pilot, "n")
        await until_painted(pilot, "▌✗ order_1")
        press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")


def test_a_remap_that_cannot_be_meant_is_refused_before_anything_opens(
    tmp_path: Path,
) -> None:
    storage = SQLiteSnapshotStorage(tmp_path / "orders.db")
    with pytest.raises(UsageError, match=r"list\.opne"):
        SagazApp(storage, Settings(keys={"list.opne": "o"}))


async def test_the_footer_can_be_clicked(store: SnapshotStorage) -> None:
    app = app_on(store)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(pilot)
        line = painted(app).splitlines()[-1]
        assert line.endswith("q quit ")
        await pilot.click(KeyFooter, offset=(line.index("? help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help")


async def test_a_saga_can_be_opened_at_once_with_the_list_below(store: SnapshotStorage) -> None:
    app = app_on(store, "order_1")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        await until_painted(pilot, "order_1")
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, SagasScreen), "the list")


async def test_what_would_be_lost_is_asked_about_once(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SagasScreen, "reason_to_stay", "2 staged edits would be lost")
    app = app_on(store)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await listed(pilot)
        press(pilot, "q")
        await until_painted(pilot, "2 staged edits would be lost; q again")
        assert not app._exit
        press(pilot, "q")
        await until(pilot, lambda: app._exit, "the end")


async def test_a_store_opened_to_look_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await fail(storage, "order_1", age=100)
        await fail(storage, "order_2", age=50)
    before = path.read_bytes()
    app = app_on(SQLiteSnapshotStorage(path, read_only=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(pilot)
        press(pilot, "j", "3", "E", "s", "/", "o", "escape", "?", "escape")
        await pilot.pause()
    assert path.read_bytes() == before


def test_the_list_imports_neither_engine_nor_command_line() -> None:
    heavy = {"typer", "pydantic", "sagaz_core.saga", "sagaz_core.replay", "sagaz_tui.demo"}
    script = (
        "import sys, sagaz_tui.opening, sagaz_tui.cli.stores, sagaz_tui.app, "
        f"sagaz_tui.screens.sagas; print(sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
