"""How long the screen takes to show its rows and answer a key, beside an empty Textual app.

All run in a pseudo-terminal, in turns, from the start of their process: the app, the list of the
demo's store, that of a store of 100,000 sagas that failed, and the debugger on a long saga.
"""

from __future__ import annotations

import asyncio
import compileall
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sagaz_core
import sagaz_tui
from benchmarks.aims import verdict
from benchmarks.stores import LONG_SAGA
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.testing.rows import append_of
from tests.end_to_end.terminal import SAGAZ, Terminal

SAGAS = 100_000
AT_ONCE = 2_000
ROUNDS = 9
AIM = 1.7

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("first paint")

Empty().run()
"""

Selected = Callable[[str], str]
"""Reads from a screen which row is selected; empty: there is none yet."""


def measure(place: Path, url: str) -> bool:
    """Measure all in turns and print; returns whether the aim is met everywhere.

    Args:
        place: where the store of many sagas is kept.
        url: address of the store with the long saga.
    """
    # As an installation leaves it, and Textual is: some environments write no bytecode.
    for package in (sagaz_core, sagaz_tui):
        compileall.compile_dir(package.__path__[0], quiet=1)
    many = f"sqlite:///{asyncio.run(build_many(place))}"
    with tempfile.TemporaryDirectory() as scratch:
        demo = Path(scratch) / "demo"
        recorded = [SAGAZ, "demo", "--record-only", "--dir", str(demo)]
        subprocess.run(recorded, check=True, capture_output=True)
        opened: dict[str, tuple[list[str], str, Selected]] = {
            "the demo's list": ([], "j", selected_saga),
            f"a list of {SAGAS:,}": (["--storage-url", many], "j", selected_saga),
            "the long saga": ([LONG_SAGA, "--storage-url", url], "h", selected_checkpoint),
        }
        for options, key, selected in opened.values():
            first_key(options, key, selected, demo)
        empty: list[float] = []
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            empty.append(empty_app(demo))
            for name, (options, key, selected) in opened.items():
                painted, answered = first_key(options, key, selected, demo)
                times.setdefault(f"{name}, rows painted", []).append(painted)
                times.setdefault(f"{name}, first key answered", []).append(answered)
    base = statistics.median(empty)
    print(f"\n{'':40}{'median':>9}{'ratio':>8}")
    print(f"{'empty Textual app, first paint':40}{base * 1000:>6.0f} ms{1:>8.2f}")
    worst = 0.0
    for name, measured in times.items():
        middle = statistics.median(measured)
        worst = max(worst, middle / base)
        print(f"{name:40}{middle * 1000:>6.0f} ms{middle / base:>8.2f}")
    print(f"  worst ratio {verdict(worst, AIM)}")
    return worst <= AIM


def empty_app(folder: Path) -> float:
    """Seconds until an empty Textual app has painted."""
    begun = time.perf_counter()
    with Terminal([sys.executable, "-c", EMPTY_APP], cwd=folder) as terminal:
        terminal.wait_for("first paint")
        return time.perf_counter() - begun


def first_key(
    options: list[str], key: str, selected: Selected, folder: Path
) -> tuple[float, float]:
    """Seconds until a screen has painted its rows, and until it has answered a key."""
    begun = time.perf_counter()
    with Terminal([SAGAZ, "tui", *options], cwd=folder) as terminal:
        first = selected(terminal.wait_for(lambda text: bool(selected(text))))
        rows = time.perf_counter() - begun
        terminal.type(key)
        terminal.wait_for(lambda text: selected(text) not in ("", first))
        return rows, time.perf_counter() - begun


def selected_saga(screen: str) -> str:
    """The id in the selected row of the list."""
    found = re.search(r"▌\S\s+(\S+)", screen)
    return found[1] if found else ""


def selected_checkpoint(screen: str) -> str:
    """The number of the timeline's selected row."""
    found = re.search(r"▌ *(\d+) ", screen)
    return found[1] if found else ""


async def build_many(place: Path) -> Path:
    """Record very many sagas that failed, a second after one another, unless they are there."""
    store, built = place / "many.db", place / "many.built"
    if built.exists():
        return store.resolve()
    made = append_of("order", status="failed", step="charge")
    saga, entry = made.saga, made.entry
    assert entry is not None
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
    built.touch()
    return store.resolve()
