"""How many sagas failed in each of the last minutes, and the bars that show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sagaz_tui.widgets.lines import Line, Span, line_width

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_HOURS: Final = 6
_MINUTES: Final = 60 * _HOURS
_MINUTE: Final = timedelta(minutes=1)
_BARS: Final = "▁▂▃▄▅▆▇█"
_CELLS: Final = ((160, 60), (120, 36), (100, 20), (0, 10))
"""From which width on there are how many bars; the minutes divide evenly among them."""


async def failures_by_minute(storage: SnapshotStorage, now: datetime) -> tuple[int, ...]:
    """Count the failures of each of the last six hours' minutes, the one that goes on included."""
    begin = now.replace(second=0, microsecond=0) - (_MINUTES - 1) * _MINUTE
    return tuple(await storage.count_ended("failed", since=begin, width=_MINUTE, count=_MINUTES))


def outage_line(failures: Sequence[int], width: int, taken: int) -> Line:
    """Give ``6h ▁▁▁▁▂▇█▆▂▁ peak 318/min``, on a wide terminal with more bars.

    Args:
        failures: how many there were in each minute; empty: it is not known yet.
        width: the terminal's, in cells; the number of bars depends on nothing else.
        taken: what of it is taken; if too little is left there are no bars.
    """
    if not failures:
        return ()
    cells = next(cells for least, cells in _CELLS if width >= least)
    line = (
        Span(f"{_HOURS}h ", "muted"),
        *_bars(_gathered(failures, cells)),
        Span(f" {_peak(failures)} ", "muted"),
    )
    return line if line_width(line) < width - taken else ()


def _gathered(failures: Sequence[int], cells: int) -> list[int]:
    width = len(failures) // cells
    return [sum(failures[place * width : (place + 1) * width]) for place in range(cells)]


def _bars(counts: Sequence[int]) -> list[Span]:
    most = max(counts)
    spans: list[Span] = []
    for count in counts:
        # One failure among many thousands is seen too.
        height = -(-count * (len(_BARS) - 1) // most) if count else 0
        spans.append(Span(_BARS[height], "fail" if count else "muted"))
    return spans


def _peak(failures: Sequence[int]) -> str:
    most = max(failures)
    return f"peak {most:,}/min" if most else "no failure"
