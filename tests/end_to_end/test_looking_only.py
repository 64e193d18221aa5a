"""The screen on a store that its user may not write to, and that moves away meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bound import bound, locked
from tests.end_to_end.terminal import SAGAZ, Terminal
from tests.storage.writing_process import End, written, written_on


@pytest.mark.parametrize(
    "end",
    [
        "killed",
        pytest.param("closed", marks=pytest.mark.torture),
        pytest.param("in use", marks=pytest.mark.torture),
    ],
)
def test_the_screen_opens_on_a_store_that_may_only_be_read(tmp_path: Path, end: End) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    path = folder / "sagaz.db"
    # In ASCII, as is asked for, though the terminal has more.
    command = bound([SAGAZ, "tui", "--ascii", "--read-only"])
    with written(path, end), locked(folder), Terminal(command, cwd=folder) as terminal:
        assert terminal.wait_for("READ ONLY(?s:.*)3 All 1").isascii()
        terminal.type("3")
        terminal.wait_for("step_5 +running")
        terminal.type("\r")
        assert terminal.wait_for("before step_5").isascii()
        terminal.type("qq")
        assert terminal.wait_for_end() == 0


def test_the_screen_follows_a_store_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    path, away = tmp_path / "sagaz.db", tmp_path / "away.db"
    with written(path, "closed"):
        pass
    with Terminal([SAGAZ, "tui", "s"], cwd=tmp_path) as terminal:
        terminal.type("G")
        terminal.wait_for("#5/5")
        with written_on(path) as writer:
            writer.save()
            terminal.wait_for(r"#6/6 before_step step_1(?s:.*)▌6 ○ before step_1")
            terminal.wait_for("LIVE")
        path.rename(away)
        terminal.wait_for(r"stale.*retry in")
        assert "LIVE" not in terminal.text
        # What was read stays, and can be looked at.
        terminal.type("h")
        terminal.wait_for(r"#5/6(?s:.*)2 Context @#5(?s:.*)n +5 ")
        away.rename(path)
        terminal.wait_for(lambda text: "stale" not in text)
        terminal.type("G")
        terminal.wait_for("LIVE")
        with written_on(path) as writer:
            writer.save()
            terminal.wait_for(r"#7/7 before_step step_1(?s:.*)2 Context @#7(?s:.*)n +1 ")
        terminal.type("qq")
        assert terminal.wait_for_end() == 0
