"""How long the saga list takes to show its rows and answer a key, beside an empty Textual app.

All run in a pseudo-terminal, in turns, from the start of their process: the app, the list of the
demo's store, and that of a store of 100,000 sagas that failed. Prints the median of each and its
ratio to the app's.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.testing.rows import append_of
from tests.end_to_end.terminal import SAGAZ, Terminal

SAGAS = 100_000
AT_ONCE = 2_000
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


async def record_many(store: Path) -> None:
    """Record very many sagas that failed, a second after one another."""
    made = append_of("order", status="failed", step="charge")
    saga, entry = made.saga, made.entry
    assert entry is not None
    store.parent.mkdir()
    async with SQLiteSnapshotStorage(store) as storage:
        for first in range(0, SAGAS, AT_ONCE):
            await storage.backend.append(
                [
                    made._replace(
                        saga=saga._replace(
                            saga_id=f"order_{number:06}",
                            root=f"order_{number:06}",
                            updated=saga.updated + 1_000_000 * number,
                            error="GatewayTimeout: no answer after 30s",
                            error_group=f"GatewayTimeout: {number % 3}",
                        ),
                        entry=entry._replace(snapshot_id=f"s{number}"),
                        new_id=True,
                    )
                    for number in range(first, first + AT_ONCE)
                ]
            )


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
        asyncio.run(record_many(folder / "many" / "sagaz.db"))
        stores = {"the demo's list": folder / "demo", f"{SAGAS:,} sagas": folder / "many"}
        for store in stores.values():
            saga_list(store)
        empty: list[float] = []
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            empty.append(empty_app(folder))
            for name, store in stores.items():
                painted, key = saga_list(store)
                times.setdefault(f"{name}, rows painted", []).append(painted)
                times.setdefault(f"{name}, first key answered", []).append(key)
    base = statistics.median(empty)
    print(f"{'':36}{'median':>9}{'ratio':>8}")
    print(f"{'empty Textual app, first paint':36}{base * 1000:>6.0f} ms{1:>8.2f}")
    worst = 0.0
    for name, measured in times.items():
        middle = statistics.median(measured)
        worst = max(worst, middle / base)
        print(f"{name:36}{middle * 1000:>6.0f} ms{middle / base:>8.2f}")
    print(f"aim: at most {AIM:.1f} x, {'met' if worst <= AIM else 'MISSED'}")
    sys.exit(worst > AIM)


if __name__ == "__main__":
    main()
