"""How soon the debugger shows where a held key has brought it, beside an empty Textual app that
updates one label.

The saga has 100,000 checkpoints, each with a context of 50 KB. Both programs run in a
pseudo-terminal of 160 x 50, in turns, and get ``l`` as often as a keyboard repeats it. What they
paint is taken in with the time at which it came, and looked at afterwards. Also printed: the
bytes that a single step sends to a terminal of 120 x 40.
"""

from __future__ import annotations

import os
import re
import select
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.aims import percentile_95, verdict
from benchmarks.long_saga import COUNT
from benchmarks.stores import LONG_SAGA
from tests.end_to_end.terminal import SAGAZ, Terminal

REPEAT = 1 / 30
"""Seconds between two presses of a held key, as keyboards repeat them."""
PRESSES = 100
TURNS = 12
STEPS = 40
QUIET = 0.25
"""Seconds without output after which a step counts as painted."""

AIM_MEDIAN, AIM_95 = 2.0, 3.0
AIM_ALL_MEDIAN, AIM_ALL_95 = 0.080, 0.160
AIM_BYTES = 6 * 1024

LABEL_APP = """
from textual.app import App
from textual.widgets import Label

class OneLabel(App):
    BINDINGS = [("l", "next", "next")]

    def compose(self):
        self.number = 1
        yield Label("#1/ ")

    def action_next(self):
        self.number += 1
        self.query_one(Label).update(f"#{self.number}/ ")

OneLabel().run()
"""

Shown = Callable[[str], int]
"""Reads from a screen the number of the checkpoint it shows."""


@dataclass
class Held:
    """A key that was held: when it was pressed, and when each press was shown."""

    cursor: list[float]
    """Seconds from each press to the cursor's move."""
    all_panes: float
    """Seconds from the last press until every pane shows its checkpoint."""


def number_of(pattern: str) -> Shown:
    """Return what reads the number from the first match of a pattern; 0 if there is none."""

    def shown(screen: str) -> int:
        found = re.search(pattern, screen)
        return int(found[1]) if found else 0

    return shown


LABEL = number_of(r"#(\d+)/")
CURSOR = (number_of(rf"#(\d+)/{COUNT}"), number_of(r"▌ *(\d+) "))
PANES = (*CURSOR, number_of(r"Context @#(\d+) "), number_of(r"Why @#(\d+) "))


def hold(terminal: Terminal, first: int, cursor: Sequence[Shown], panes: Sequence[Shown]) -> Held:
    """Hold ``l`` from checkpoint ``first`` on, and find out when each press was shown."""
    pressed: list[float] = []
    came: list[tuple[float, bytes]] = []
    begun = time.perf_counter()
    until = begun + PRESSES * REPEAT + 3.0
    while (now := time.perf_counter()) < until:
        if len(pressed) < PRESSES and now >= begun + len(pressed) * REPEAT:
            terminal.type("l")
            pressed.append(time.perf_counter())
        due = begun + len(pressed) * REPEAT if len(pressed) < PRESSES else until
        wait = max(0.0, due - time.perf_counter())
        if select.select([terminal.process.child_fd], [], [], wait)[0]:
            data = os.read(terminal.process.child_fd, 1 << 16)
            came.append((time.perf_counter(), data))
    shown_at: list[float] = []
    all_at = 0.0
    for at, data in came:
        terminal.stream.feed(data)
        screen = terminal.text
        reached = min(read(screen) for read in cursor) - first
        shown_at += [at] * (reached - len(shown_at))
        if not all_at and all(read(screen) == first + PRESSES for read in panes):
            all_at = at
    if len(shown_at) < PRESSES or not all_at:
        raise AssertionError(f"only {len(shown_at)} of {PRESSES} presses shown\n{terminal.text}")
    return Held([at - key for at, key in zip(shown_at, pressed, strict=True)], all_at - pressed[-1])


def bytes_of_a_step(url: str) -> float:
    """Median of the bytes that one step sends to a terminal of 120 x 40."""
    sent = []
    with debugger(url, 120, 40) as terminal:
        for _ in range(STEPS):
            before = terminal.received
            terminal.type("l")
            while select.select([terminal.process.child_fd], [], [], QUIET)[0]:
                terminal.pump()
            sent.append(terminal.received - before)
    return statistics.median(sent)


def debugger(url: str, columns: int, rows: int) -> Terminal:
    """Open the debugger and bring it to the first checkpoint."""
    command = [SAGAZ, "tui", LONG_SAGA, "--storage-url", url]
    terminal = Terminal(command, cwd=Path.cwd(), columns=columns, rows=rows)
    terminal.wait_for(r"Context @#\d+ ", timeout=60)
    terminal.type("g")
    terminal.wait_for(r"Why @#1 ", timeout=60)
    while select.select([terminal.process.child_fd], [], [], QUIET)[0]:
        terminal.pump()
    return terminal


def measure(url: str) -> bool:
    """Measure both in turns and print; returns whether every aim is met."""
    label: list[float] = []
    cursor: list[float] = []
    panes: list[float] = []
    command = [sys.executable, "-c", LABEL_APP]
    with (
        Terminal(command, cwd=Path.cwd(), columns=160, rows=50) as one_label,
        debugger(url, 160, 50) as sagaz,
    ):
        one_label.wait_for("#1/")
        for first in range(1, 1 + TURNS * PRESSES, PRESSES):
            label += hold(one_label, first, [LABEL], [LABEL]).cursor
            held = hold(sagaz, first, CURSOR, PANES)
            cursor += held.cursor
            panes.append(held.all_panes)
    sent = bytes_of_a_step(url)
    median = statistics.median(cursor) / statistics.median(label)
    late = percentile_95(cursor) / percentile_95(label)
    all_median, all_late = statistics.median(panes), percentile_95(panes)
    print(f"\nl held {TURNS} times for {PRESSES} steps on a saga of {COUNT:,} checkpoints")
    print(f"{'':46}{'median':>9}{'95 %':>9}")
    for name, times in (
        ("one label: press to paint, ms", label),
        ("debugger: press to scrubber and timeline, ms", cursor),
        ("debugger: last press to all panes, ms", panes),
    ):
        print(
            f"{name:46}{statistics.median(times) * 1000:>9.1f}{percentile_95(times) * 1000:>9.1f}"
        )
    print(f"{'cursor / label':46}{median:>9.2f}{late:>9.2f}")
    print(f"  median {verdict(median, AIM_MEDIAN)}; 95 % {verdict(late, AIM_95)}")
    print(
        f"  all panes: median {verdict(all_median, AIM_ALL_MEDIAN, ' s')}; "
        f"95 % {verdict(all_late, AIM_ALL_95, ' s')}"
    )
    print(f"{'bytes of a step at 120 x 40, median':46}{sent:>9.0f}   {verdict(sent, AIM_BYTES)}")
    return (
        median <= AIM_MEDIAN
        and late <= AIM_95
        and all_median <= AIM_ALL_MEDIAN
        and all_late <= AIM_ALL_95
        and sent <= AIM_BYTES
    )
