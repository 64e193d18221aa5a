"""The debugger on a saga of 100,000 checkpoints, each with a context of 50 KB: how much memory
it takes above an empty Textual app, and how long a person waits.

Both run as processes of their own in a pseudo-terminal of 120 x 40. The memory is what the
system holds for them: resident at the end, and at most on the way.
Run: ``python benchmarks/long_saga.py [--folder DIR]``; with the folder of ``scale.py`` the saga is
built once for both.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.scale import build_once, describe_machine, sqlite_store
from benchmarks.screen_first_paint import EMPTY_APP
from benchmarks.stores import LONG_SAGA, Builder, place_in
from tests.end_to_end.terminal import SAGAZ, Terminal

COUNT = 100_000
COLUMNS, ROWS = 120, 40
AIM_MEGABYTES = 60.0
QUIET = 2.0
"""Seconds for which it is left alone, so that what goes on in the background is counted too."""


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """Memory of a process as the system tells it."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def empty_app() -> tuple[float, float]:
    """Resident memory of an empty Textual app: at the end, and at most."""
    with in_terminal([sys.executable, "-c", EMPTY_APP]) as terminal:
        terminal.wait_for("first paint")
        rest(terminal)
        return megabytes(terminal.pid), megabytes(terminal.pid, "VmHWM")


def in_terminal(command: list[str]) -> Terminal:
    """Run a program in a terminal."""
    return Terminal(command, cwd=Path.cwd(), columns=COLUMNS, rows=ROWS)


def rest(terminal: Terminal) -> None:
    """Leave the program alone for a while, taking in what it paints."""
    until = time.monotonic() + QUIET
    while time.monotonic() < until:
        terminal.pump()


def debugger(url: str) -> tuple[float, float]:
    """The same of the debugger, moved all over the saga; prints how long each move takes."""
    begun = time.perf_counter()
    with in_terminal([SAGAZ, "tui", LONG_SAGA, "--storage-url", url]) as terminal:

        def at(number: int, begun: float, what: str) -> None:
            # Row, scrubber and context all stand there.
            for pattern in (rf"▌ *{number} ", rf" #{number}/{COUNT} ", rf"Context @#{number} "):
                terminal.wait_for(pattern, timeout=60)
            seconds = time.perf_counter() - begun
            print(f"  {what:<44}{seconds * 1000:>8.0f} ms", flush=True)

        def press(keys: str, number: int, what: str) -> None:
            begun = time.perf_counter()
            terminal.type(keys)
            at(number, begun, what)

        failure = COUNT - 3
        at(failure, begun, "from the start of the process to the failure")
        rest(terminal)
        print(f"  {'':<44}{megabytes(terminal.pid):>8.1f} MB")
        press("g", 1, "g, to the first checkpoint")
        press("l" * 200, 201, "l held for 200 checkpoints")
        press("G", COUNT, "G, to the last one")
        press("h" * 200, COUNT - 200, "h held for 200 checkpoints")
        press("f", failure, "f, to the failure after it")
        press("g", 1, "g again")
        press("G", COUNT, "G again")
        rest(terminal)
        return megabytes(terminal.pid), megabytes(terminal.pid, "VmHWM")


async def build(folder: Path) -> str:
    """Build the saga, unless it is there, and return its store's address."""

    async def long_saga(builder: Builder) -> None:
        await builder.long_saga(LONG_SAGA, COUNT)

    name = f"{LONG_SAGA}-{COUNT}"
    await build_once(sqlite_store(folder, name), folder / f"{name}.built", long_saga)
    return f"sqlite:///{folder.resolve()}/{name}.db"


def main() -> int:
    """Measure, print, and fail if the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the saga is kept for the next run")
    arguments = parser.parse_args()
    print(describe_machine())
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = asyncio.run(build(place_in(folder)))
        print(f"the debugger on a saga of {COUNT:,} checkpoints")
        empty, empty_most = empty_app()
        ours, ours_most = debugger(url)
    print(f"\n{'resident memory, MB':<34}{'at the end':>12}{'at most':>10}")
    print(f"{'empty Textual app':<34}{empty:>12.1f}{empty_most:>10.1f}")
    print(f"{'the debugger':<34}{ours:>12.1f}{ours_most:>10.1f}")
    above, above_most = ours - empty, ours_most - empty_most
    met = above_most <= AIM_MEGABYTES
    print(
        f"{'above the empty app':<34}{above:>12.1f}{above_most:>10.1f}"
        f"   aim: at most {AIM_MEGABYTES:.0f}, {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
