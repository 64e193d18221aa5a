"""How long the saga list takes to show its rows and answer a key, beside an empty Textual app.

Both run in a pseudo-terminal, in turns, from the start of their process. Prints the median of
each and their ratio.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.end_to_end.terminal import SAGAZ, Terminal

ROUNDS = 9
AIM = 2.0

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("first paint")

Empty().run()
"""


def empty_app(folder: Path) -> float:
    """Seconds until an empty Textual app has painted."""
    begun = time.perf_counter()
    with Terminal([sys.executable, "-c", EMPTY_APP], cwd=folder) as terminal:
        terminal.wait_for("first paint")
        return time.perf_counter() - begun


def saga_list(folder: Path) -> tuple[float, float]:
    """Seconds until the list has painted its rows, and until it has answered a key."""
    begun = time.perf_counter()
    with Terminal([SAGAZ, "tui"], cwd=folder) as terminal:
        first = _selected(terminal.wait_for(lambda text: bool(_selected(text))))
        rows = time.perf_counter() - begun
        terminal.type("j")
        terminal.wait_for(lambda text: _selected(text) not in ("", first))
        return rows, time.perf_counter() - begun


def _selected(screen: str) -> str:
    """The id in the selected row."""
    found = re.search(r"▌\S\s+(\S+)", screen)
    return found[1] if found else ""


def main() -> None:
    """Measure, print, and fail if the aim is missed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run(
            [SAGAZ, "demo", "--record-only", "--dir", str(folder / "demo")],
            check=True,
            capture_output=True,
        )
        saga_list(folder / "demo")
        empty, rows, answered = [], [], []
        for _ in range(ROUNDS):
            empty.append(empty_app(folder))
            painted, key = saga_list(folder / "demo")
            rows.append(painted)
            answered.append(key)
    base = statistics.median(empty)
    print(f"{'':34}{'median':>9}{'ratio':>8}")
    print(f"{'empty Textual app, first paint':34}{base * 1000:>6.0f} ms{1:>8.2f}")
    for name, times in (
        ("sagaz tui, rows painted", rows),
        ("sagaz tui, first key answered", answered),
    ):
        middle = statistics.median(times)
        print(f"{name:34}{middle * 1000:>6.0f} ms{middle / base:>8.2f}")
    ratio = statistics.median(answered) / base
    print(f"aim: at most {AIM:.1f} x, {'met' if ratio <= AIM else 'MISSED'}")
    sys.exit(ratio > AIM)


if __name__ == "__main__":
    main()
