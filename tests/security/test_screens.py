"""No screen passes on to the terminal, or takes as its own, what a store tells it to do.

Without it, a name that a customer chose could clear the screen, fill the clipboard, lie over other
lines, or be a link that quits the program, or that leads to somebody's server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

import sagaz_tui.screens
from sagaz_core import SagaReplay
from sagaz_core.model import BatchLogEntry
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.replaying.output import new_output, new_request_id
from sagaz_tui.replaying.stopping import Stoppable
from sagaz_tui.screens.stop import StopScreen
from sagaz_tui.settings import load_settings
from sagaz_tui.stores import open_existing
from tests.screen.looking import painted, press, until, until_painted
from tests.security.hostile import EVIL, PRINTED, PRINTING_NOTHING, hostile_file
from tests.security.hostile_shop import fail_hostile

# Keys, each with the screen that it brings, or what is painted then, where that may take time.
LOOKING: Final = (
    # the list, and what opens from it
    *("j", "k", "E", "E", "escape", "s", "s", "s", ("3", "✓ h1~r1"), ("G", "▌✗ o1")),
    *(("d", "PlanScreen"), ("escape", "SagasScreen")),
    *(("B", "BatchesScreen"), "j", ("enter", "BatchScreen"), "j", ("R", "BatchResumeScreen")),
    *("i", ("escape", "BatchScreen"), ("escape", "SagasScreen")),
    *(("?", "HelpScreen"), ("escape", "SagasScreen")),
    # two that are marked
    *(
        ("space", "•▌✗ o1"),
        ("k", "▌✗ o2"),
        ("space", "•▌✗ o2"),
        ("c", "CompareScreen"),
        "n",
        "x",
        "l",
        "G",
        "ctrl+d",
    ),
    ("escape", "SagasScreen"),
    # the debugger, pane by pane
    ("enter", "DebuggerScreen"),
    *("h", "h", "l", "f", "F", "g", "G", "-", "=", "j", "j", "j", "enter", "enter", "w", "]"),
    *("3", "3", "3", "j", "v", "o", "enter", "2", "m", "h", "'", "v", "4", "j", "2"),
    *(("b", "BlameScreen"), "j", "k", ("escape", "DebuggerScreen")),
    *(("t", "LineageScreen"), "j", ("escape", "DebuggerScreen")),
    *(("d", "PlanScreen"), "j", ("escape", "DebuggerScreen")),
    *((":", "PaletteScreen"), ("escape", "DebuggerScreen")),
    *("e", "tab", "escape", "/", "escape", ("y", "CopyScreen"), "j", ("escape", "DebuggerScreen")),
    *(("Y", "CopyScreen"), ("escape", "DebuggerScreen")),
)
REPLAYING: Final = (
    # a replay that ran, its log and its original beside it
    *("p", "j", "g", "G", "escape", ("c", "CompareScreen"), "n", "n", "G"),
    ("escape", "DebuggerScreen"),
    # another plan of it, where it starts, and its rehearsal
    *(("d", "PlanScreen"), "a", "j", ("r", "StartScreen"), "k", ("escape", "PlanScreen")),
    *(("s", "RehearsalScreen"), "j", ("c", "CompareScreen"), "n", ("escape", "RehearsalScreen")),
    *(("enter", "GhostScreen"), "l", "3", "3", "escape", ("escape", "RehearsalScreen")),
    *(("escape", "PlanScreen"), ("escape", "DebuggerScreen")),
    # the list once more, and all of them as one batch
    *(
        ("escape", "SagasScreen"),
        ("3", "✓ h1~r1"),
        ("*", "•"),
        ("R", "BatchPreviewScreen"),
        "j",
        "j",
        "e",
        "escape",
    ),
    ("escape", "SagasScreen"),
)
UNDER_WAY: Final = re.compile("(planning|rehearsing|reading|comparing).*…")


def assert_harmless(app: App[None]) -> None:
    """See that only what prints is painted, each line in its place, and no link but our own."""
    for strip in app.screen._compositor.render_strips():
        line = "".join(segment.text for segment in strip)
        assert line.isprintable(), repr(line)
        assert not PRINTING_NOTHING & set(line), repr(line)
        assert cell_len(line) == app.size.width, repr(line)
        for segment in strip:
            if segment.style is not None:
                assert segment.style.link is None
                assert "@click" not in segment.style.meta


async def hostile_folder(folder: Path) -> Path:
    """Make a store of sagas that are only looked at, others that are replayed, and a batch."""
    path = await hostile_file(folder / "sagaz.db")
    request_id = new_request_id()
    new_output(request_id).write_text(f"{EVIL}\n" * 40, encoding="utf-8")
    async with SQLiteSnapshotStorage(path) as storage:
        await fail_hostile(storage, "h1", "h2")
        replayed = await SagaReplay("h1", storage, initiated_by=EVIL).from_checkpoint(
            PRINTED,
            context_override={"paid": True, f"set{EVIL}": EVIL},
            reason=EVIL,
            request_id=request_id,
        )
        assert replayed.status == "success", replayed
        await storage.save_batch(
            BatchLogEntry(
                batch_id="batch-1",
                items=(("h2", f"S{EVIL}", EVIL, None), ("o1", f"S{EVIL}", None, EVIL)),
                selection={"name": EVIL, "tags": {PRINTED: PRINTED}},
                options={"overrides": [["/paid", "=", EVIL]]},
                initiated_by=EVIL,
                reason=EVIL,
                status="stopped",
                stopped_because=EVIL,
                counts={"failed": 1},
            )
        )
    return path


async def walk(pilot: Pilot[None], keys: Iterable[str | tuple[str, str]]) -> str:
    """Press keys, see that each screen is harmless, and return all that was painted."""
    seen = ""
    for step in keys:
        key, brings = step if isinstance(step, tuple) else (step, "")
        press(pilot, key)
        if brings.endswith("Screen"):
            await until(pilot, lambda name=brings: _is(pilot.app.screen, name), f"{key} {brings}")
            await until(pilot, lambda: not UNDER_WAY.search(painted(pilot.app)), f"all of {brings}")
        elif brings:
            await until_painted(pilot, brings)
        await pilot.pause()
        assert_harmless(pilot.app)
        seen += painted(pilot.app)
    return seen


async def test_on_every_screen_it_is_only_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a name could lie over other lines, quit the program, or link to a server."""
    path = await hostile_folder(tmp_path)
    # What cannot be copied is shown instead.
    monkeypatch.setenv("TERM_PROGRAM", "Apple_Terminal")
    settings = load_settings(
        folder=tmp_path,
        environ={"SAGAZ_SAGAS": "tests.security.hostile_shop"},
        storage_url=str(path),
    )
    app = SagazApp(open_existing(settings, read_only=True), settings, ascii=False)
    async with app.run_test(size=(140, 36)) as pilot:
        await until_painted(pilot, "o1")
        seen = await walk(pilot, LOOKING)
        app.push_screen(StopScreen(Stoppable(1, (EVIL, PRINTED), 1, undoing=False), kill=True))
        seen += await walk(pilot, [("tab", "StopScreen"), ("escape", "DebuggerScreen")])
    app = SagazApp(open_existing(settings, read_only=True), settings, "h1~r1", ascii=False)
    async with app.run_test(size=(140, 36)) as pilot:
        await until_painted(pilot, "h1~r1")
        seen += await walk(pilot, REPLAYING)
    # It was there to be seen.
    for part in ("\\x1b]52;", "\\x1b[2J", "\\u202e", "\\x9b", "[@click=app.quit]"):
        assert part in seen


def test_it_is_every_screen() -> None:
    """Without it, a screen that is made tomorrow would not be looked at."""
    steps = [step[1] for step in (*LOOKING, *REPLAYING) if isinstance(step, tuple)]
    walked = {name for name in steps if name.endswith("Screen")}
    written = {
        name
        for file in Path(sagaz_tui.screens.__file__).parent.glob("*.py")
        for name in re.findall(r"^class (\w+Screen)\(", file.read_text("utf-8"), re.MULTILINE)
    }
    shared = {"SagazScreen", "HistoryScreen", "ExplorerScreen"}
    assert written - shared - {"StopScreen"} == walked


def _is(screen: Screen[object], name: str) -> bool:
    return type(screen).__name__ == name
