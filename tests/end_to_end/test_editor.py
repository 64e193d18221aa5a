"""The person's own editor has the terminal to itself, and gives it back."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.end_to_end import journey
from tests.end_to_end.terminal import SAGAZ, Terminal

EDITOR = """
import shutil
import sys
from pathlib import Path
file = Path(sys.argv[1])
typed = input(f"{file.name} holds {file.read_text()}; instead: ")
file.write_text(typed + "\\n")
"""


def test_the_editor_has_the_terminal_and_gives_it_back(recorded_demo: Path, tmp_path: Path) -> None:
    runtime, script = tmp_path / "runtime", tmp_path / "editor.py"
    runtime.mkdir()
    script.write_text(EDITOR)
    demo = shutil.copytree(recorded_demo, tmp_path / "demo")
    env = {"VISUAL": f"{sys.executable} {script}", "XDG_RUNTIME_DIR": str(runtime)}
    with Terminal([SAGAZ, "tui", journey.FAILED], cwd=demo, env=env) as terminal:
        terminal.wait_for("CardDeclined: token expired")
        terminal.type("e")
        terminal.wait_for("ctrl.e editor")
        terminal.type("payment_token\x05")
        terminal.wait_for("value.txt holds .*; instead: ")
        terminal.type("tok_new\r")
        terminal.wait_for("1 staged")
        terminal.wait_for("CardDeclined: token expired")
        assert "instead:" not in terminal.text
        assert not list(runtime.iterdir())
        terminal.type("R")
        terminal.wait_for("new branch")
        terminal.type("\r")
        terminal.wait_for(lambda text: journey.REPLAY in text and "completed" in text)
