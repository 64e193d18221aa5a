"""``make demo`` in a terminal: the demo is recorded, the screen opens on it, and it stays."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.end_to_end import journey
from tests.end_to_end.terminal import Terminal

SMALL = """
from sagaz_tui.__main__ import main
from sagaz_tui.demo import record

record._MANY = 8
main()
"""
"""The program, with a demo of few orders."""


def test_on_a_terminal_the_screen_opens_on_what_was_recorded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SMALL, "demo", "--dir", "shop"]
    with Terminal(command, cwd=tmp_path, columns=120) as terminal:
        terminal.wait_for(rf"▌✗ {journey.FAILED}\b")
        terminal.type("\r")
        terminal.wait_for("CardDeclined: token expired")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
        assert f"the demo stays in {tmp_path / 'shop'}".encode() in terminal.sent
    assert (tmp_path / "shop" / "orders.db").exists()


def test_the_target_that_the_readme_names_runs_it() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "demo: $(READY)\n\t$(BIN)/sagaz demo\n" in makefile
