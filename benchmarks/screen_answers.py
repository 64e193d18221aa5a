"""How soon the debugger shows what is asked of a saga of 100,000 checkpoints.

From a random checkpoint each time: who set a key when, the first place in a context that a text
is in, the first checkpoint at which an expression is true, and what differs between two
checkpoints. From the key that asks to the answer on a terminal of 160 x 50.
"""

from __future__ import annotations

import os
import random
import re
import select
import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks.aims import percentile_95, verdict
from benchmarks.long_saga import COUNT
from benchmarks.screen_scrubbing import QUIET, debugger
from tests.end_to_end.terminal import Terminal

ROUNDS = 15
AIM = 0.100
AHEAD = 40
"""How far from the cursor the expression becomes true."""

Ask = Callable[[Terminal, random.Random], float]


def measure(url: str) -> bool:
    """Ask everything in turns and print; returns whether the aim is met for each."""
    rng = random.Random(5)
    times: dict[str, list[float]] = {}
    with debugger(url, 160, 50) as terminal:
        for _ in range(ROUNDS):
            for name, ask in questions():
                times.setdefault(name, []).append(ask(terminal, rng))
    print(f"\n{'answers on a saga of':21}{f'{COUNT:,} checkpoints, ms':25}{'median':>9}{'95 %':>9}")
    worst = 0.0
    for name, measured in times.items():
        middle = statistics.median(measured)
        worst = max(worst, middle)
        print(f"{name:46}{middle * 1000:>9.1f}{percentile_95(measured) * 1000:>9.1f}")
    print(f"  slowest median {verdict(worst, AIM, ' s')}")
    return worst <= AIM


def questions() -> Iterator[tuple[str, Ask]]:
    """Yield what is asked, and what asks it and returns the seconds until the answer shows."""
    yield "blame of a key", blame
    yield "search in the context, to the first match", search
    yield f"where …, first true {AHEAD} checkpoints on", where
    yield "diff of any two", diff


def blame(terminal: Terminal, rng: random.Random) -> float:
    """Who set the context's first key when."""
    go(terminal, somewhere(rng))
    seconds = timed(terminal, "b", r"Blame field_00[^▌]*▌▸?#\d+ ")
    terminal.type("\x1b")
    terminal.wait_for(lambda text: "Blame field_00" not in text)
    return seconds


def search(terminal: Terminal, rng: random.Random) -> float:
    """Where in the context a key is called so."""
    go(terminal, somewhere(rng))
    wanted = f"field_{rng.randrange(1, 50):02}"
    terminal.type(f"/{wanted}")
    terminal.wait_for(rf"(?<!\w){wanted} *$|{wanted} +│|{wanted}")
    seconds = timed(terminal, "\r", rf"▌. +{wanted} ")
    terminal.type("k" * 60)
    terminal.wait_for(r"▌. +field_00 ")
    return seconds


def where(terminal: Terminal, rng: random.Random) -> float:
    """Where an expression becomes true that reads a key of the context."""
    here = somewhere(rng)
    go(terminal, here)
    there = here + AHEAD
    terminal.type(f":where size(ctx.field_00) > 0 && seq >= {there} && seq < {there + 9}")
    terminal.wait_for(rf"seq < {there + 9}")
    return timed(terminal, "\r", rf" #{there}/{COUNT} ")


def diff(terminal: Terminal, rng: random.Random) -> float:
    """What differs between a marked checkpoint and another one."""
    marked, here = somewhere(rng), somewhere(rng)
    go(terminal, marked)
    terminal.type("m")
    go(terminal, here)
    first, last = sorted((marked, here))
    seconds = timed(terminal, "'", rf"#{first}[^\n]*→ #{last}")
    terminal.type("'")
    return seconds


def somewhere(rng: random.Random) -> int:
    """The number of some checkpoint."""
    return rng.randrange(1_000, COUNT - 1_000)


def go(terminal: Terminal, number: int) -> None:
    """Bring the debugger to a checkpoint, and wait until every pane shows it."""
    terminal.type(f":#{number}\r")
    for pattern in (rf" #{number}/{COUNT} ", rf"Context @#{number} ", rf"@#{number} "):
        terminal.wait_for(pattern)


def timed(terminal: Terminal, keys: str, shown: str) -> float:
    """Seconds from pressing keys until the screen shows a pattern.

    What is painted is looked at afterwards: the emulator is slower than the program.
    """
    came: list[tuple[float, bytes]] = []
    begun = time.perf_counter()
    terminal.type(keys)
    while not came or select.select([terminal.process.child_fd], [], [], QUIET)[0]:
        data = os.read(terminal.process.child_fd, 1 << 16)
        came.append((time.perf_counter(), data))
    for at, data in came:
        terminal.stream.feed(data)
        if re.search(shown, terminal.text):
            return at - begun
    terminal.wait_for(shown)
    return time.perf_counter() - begun
