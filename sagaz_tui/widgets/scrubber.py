"""The scrubber: a saga's whole history in lanes, and where the cursor stands on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.showing.text import short_duration
from sagaz_tui.showing.theme import GlyphName, glyph, word
from sagaz_tui.showing.zone import in_zone
from sagaz_tui.widgets.branch_lanes import in_branch_lanes
from sagaz_tui.widgets.checkpoints import sign_of
from sagaz_tui.widgets.lines import Line, Span, Token, crop, paint_for, spread
from sagaz_tui.widgets.painted import Painted
from sagaz_tui.widgets.safe_text import clip
from sagaz_tui.widgets.track import GHOST_LINE, LINE, RUN_LANES, Lane, Link, Stop, Track, lay_out

LABEL_WIDTH: Final = 7
HEIGHT: Final = 4
"""Of one lane for the run, one for its undoing, the cursor, and its checkpoint in words."""
ROOMY: Final = 30
"""A terminal of so many lines has room for more lanes."""
_ROOM_FOR_RUNNING: Final = 6


@dataclass(frozen=True, slots=True)
class ScrubberState:
    """What the scrubber shows. ``cursor``, ``start`` and ``mark`` are places among the
    checkpoints, ``version`` is theirs; ``running`` names what a live saga is doing now.
    ``ghost``: all of it was rehearsed."""

    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    cursor: int = 0
    start: int | None = None
    running: str = ""
    version: int = 0
    mark: int | None = None
    ghost: bool = False


class Scrubber(Painted):
    """The run, its undoing, the cursor, and the checkpoint under it in words: a line each.

    On a terminal with room for them there are more lines for a run whose steps can run at the
    same time: they are there from the start, so that nothing moves when they are needed.
    """

    DEFAULT_CSS = "Scrubber { height: auto; background: $s-bg; }"

    class Seek(Message):
        """The pointer asked for a checkpoint, by its index."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = ScrubberState()
        self._track = Track((), (), ())
        self._drawn: dict[int, Line] = {}
        self._lanes: tuple[Line, ...] = ()
        self._lanes_for: tuple[object, ...] | None = None
        self._laid_out_for: tuple[object, ...] | None = None

    def set_state(self, state: ScrubberState) -> None:
        """Show another state."""
        if state != self._state:
            broader = state.checkpoints.breadth != self._state.checkpoints.breadth
            self._state = state
            if broader:
                self.refresh(layout=True)
            for y in range(max(self.outer_size.height, HEIGHT)):
                if self._drawn.get(y) != self._line(y):
                    self.refresh(Region(0, y, self.outer_size.width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are, as :func:`lanes_in` divides them up."""
        more = min(self._state.checkpoints.breadth, len(RUN_LANES)) - 1
        return HEIGHT + more if viewport.height >= ROOMY else HEIGHT

    @property
    def track(self) -> Track:
        """The lanes as they are laid out for the widget's width."""
        width = max(self.outer_size.width - LABEL_WIDTH, 0)
        lanes = len(lanes_in(self.outer_size.height)) - 1
        state = self._state
        wanted = (state.checkpoints, state.version, width, lanes, state.ghost)
        if self._laid_out_for != wanted:
            self._track = laid_out(state.checkpoints, width, lanes, ghost=state.ghost)
            self._laid_out_for = wanted
        return self._track

    def render_line(self, y: int) -> Strip:
        """Draw one of the lines."""
        line = self._drawn[y] = self._line(y)
        return paint_for(self, line, self.outer_size.width)

    def _line(self, y: int) -> Line:
        state, track, width = self._state, self.track, self.outer_size.width
        lanes = lanes_in(self.outer_size.height)
        if y < len(lanes):
            # As long as the cursor stays in a cell, the lanes are as they were.
            cell = track.columns[state.cursor] if track.stops else 0
            wanted = (track, cell, state.start, state.running, width, lanes)
            if wanted != self._lanes_for:
                self._lanes = tuple(_lane_line(lane, state, track, width) for lane in lanes)
                self._lanes_for = wanted
            return self._lanes[y]
        return scrubber_line(y, state, track, width, lanes)

    def on_click(self, event: Click) -> None:
        """Go to the checkpoint nearest to the pointer."""
        if len(self._state.checkpoints):
            event.stop()
            self.post_message(self.Seek(self.track.nearest(event.x - LABEL_WIDTH)))


def lanes_in(height: int) -> tuple[Lane, ...]:
    """Return the lanes that a scrubber of so many lines draws, from the top."""
    run = min(max(height - HEIGHT + 1, 1), len(RUN_LANES))
    return (*RUN_LANES[:run], "undo")


def laid_out(checkpoints: Checkpoints, width: int, run_lanes: int, *, ghost: bool = False) -> Track:
    """Return the lanes for a width, with up to so many of them for the run."""
    track = lay_out(checkpoints, width, GHOST_LINE if ghost else LINE)
    if run_lanes < 2 or len(checkpoints) > width:
        return track
    rows = [checkpoints.row(place) for place in range(len(checkpoints))]
    return in_branch_lanes(track, rows, run_lanes)


def scrubber_line(
    y: int,
    state: ScrubberState,
    track: Track,
    width: int,
    lanes: Sequence[Lane] = ("run", "undo"),
) -> Line:
    """Return the scrubber's line ``y``, counted from 0, ``width`` cells wide."""
    if y < len(lanes):
        return _lane_line(lanes[y], state, track, width)
    if y == len(lanes):
        return _cursor_line(state, track, width)
    return _words_line(state, width)


def _lane_line(lane: Lane, state: ScrubberState, track: Track, width: int) -> Line:
    pieces = [_stop_piece(stop, state) for stop in track.stops if stop.lane == lane]
    pieces += [_link_piece(link, state) for link in track.links if link.lane == lane]
    last = track.stops[-1] if track.stops else None
    room = width - LABEL_WIDTH - last.column - 1 if last else 0
    if last and last.lane == lane and state.running and room >= _ROOM_FOR_RUNNING:
        pieces.append((last.column + 1, Span(clip(f"──{state.running} ▸", room), "live")))
    if lane == "undo":
        pieces += _start_piece(state, track)
    label = f" {_label(lane, state):<{LABEL_WIDTH - 1}}"
    return crop((Span(label, "muted"), *_in_columns(pieces)), width)


def _label(lane: Lane, state: ScrubberState) -> str:
    if lane == "run":
        return "ghost" if state.ghost else lane
    return lane if lane == "undo" else ""


def _in_columns(pieces: Iterable[tuple[int, Span]]) -> list[Span]:
    spans: list[Span] = []
    column = 0
    for start, span in sorted(pieces, key=lambda piece: piece[0]):
        spans.append(Span(" " * (start - column)))
        spans.append(span)
        column = start + cell_len(span.text)
    return spans


def _stop_piece(stop: Stop, state: ScrubberState) -> tuple[int, Span]:
    sign, token = sign_of(stop.kind, ghost=state.ghost)
    here = stop.first <= state.cursor <= stop.last
    if stop.first > state.cursor and token != "fail":
        token = "future"
    if stop.parallel and sign in ("before_step", "after_step"):
        sign = "parallel"
    return stop.column, Span(glyph(sign), token, bold=here)


def _link_piece(link: Link, state: ScrubberState) -> tuple[int, Span]:
    if link.gap:
        return link.column, Span(link.text, "changed")
    walked: Token = "ghost" if state.ghost else "muted"
    return link.column, Span(link.text, "future" if link.towards > state.cursor else walked)


def _start_piece(state: ScrubberState, track: Track) -> list[tuple[int, Span]]:
    """The replay start, unless the undo lane stands where its mark would be."""
    if state.start is None or not track.stops:
        return []
    column = track.columns[state.start]
    undo = [stop.column for stop in track.stops if stop.lane == "undo"]
    if undo and column >= undo[0]:
        return []
    return [(column, Span(glyph("start"), "live", bold=True))]


def _cursor_line(state: ScrubberState, track: Track, width: int) -> Line:
    if not track.stops:
        return ()
    names: list[GlyphName] = ["start"] if state.start is not None else []
    pieces = [(LABEL_WIDTH + track.columns[state.cursor], Span(glyph("cursor"), "live", True))]
    if state.mark is not None:
        names.append("mark")
        at = LABEL_WIDTH + track.columns[state.mark]
        if at != pieces[0][0]:
            pieces.append((at, Span(glyph("mark"), "changed", True)))
    if track.parallel:
        names.append("parallel")
    words = "  ".join(f"{glyph(name)} = {word(name)}" for name in names)
    fits = max(column for column, _ in pieces) + 2 + len(words) < width
    right = (Span(f"{words} ", "muted"),) if words and fits else ()
    return spread(tuple(_in_columns(pieces)), right, width)


def _words_line(state: ScrubberState, width: int) -> Line:
    checkpoints = state.checkpoints
    if not len(checkpoints):
        return ()
    checkpoint = checkpoints.row(state.cursor)
    kind = checkpoints.kind(state.cursor)
    number = checkpoints.outline.number_at(state.cursor)
    what, when, gap = str(kind), "", ""
    if checkpoint is not None:
        at = in_zone(checkpoint.created_at)
        what += f" {checkpoint.step_name}" if checkpoint.step_name else ""
        when = f"  {at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} {at:%Z}"
        gap = f"{checkpoint.gap} lost before it " if checkpoint.gap else ""
        if checkpoints.first is not None:
            since_start = checkpoint.created_at - checkpoints.first.created_at
            when += f"  +{short_duration(since_start.total_seconds())}"
    left = (
        Span(f" #{number}/{checkpoints.last_number} ", "text", bold=True),
        Span(clip(what, max(width // 2, 12)), sign_of(kind, ghost=state.ghost)[1]),
        Span(when, "muted"),
    )
    return spread(left, (Span(gap, "changed"),) if gap else (), width)
