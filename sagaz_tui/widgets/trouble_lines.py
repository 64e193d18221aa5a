"""What stands behind a sentence about a replay that did not begin, in lines and whole."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

import sagaz_core
import sagaz_tui
from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.replaying.output import read_output
from sagaz_tui.replaying.process import is_complaint
from sagaz_tui.showing.text import visible_lines
from sagaz_tui.widgets.lines import Line
from sagaz_tui.widgets.plan_lines import heading
from sagaz_tui.widgets.replay_log import folded, log_lines

_OURS: Final = (
    "<frozen importlib",
    importlib.__file__,
    *(place for package in (sagaz_core, sagaz_tui) for place in package.__path__),
)
"""How the names of files begin that are not the person's own."""


def output_lines(log: Path, width: int) -> list[Line]:
    """Give what a replay's process printed, if that is more than why it did not begin."""
    try:
        output = read_output(log)
    except OSError:
        return []
    if all(is_complaint(line) or not line.strip() for line in output.lines):
        return []
    return [(), heading("What its process printed"), *log_lines(output, log, width)]


def raised_lines(error: SagazError, width: int) -> list[Line]:
    """Give the traceback of what the person's own code raised, if that is behind an error."""
    cause: BaseException | None = error
    while isinstance(cause, SagazError):
        cause = cause.__cause__
    # Of a store that does not answer the sentence says it all.
    if cause is None or isinstance(error, StorageError):
        return []
    raised = traceback.format_exception(type(cause), cause, _own(cause.__traceback__))
    lines = visible_lines("".join(raised).rstrip())
    return [(), heading("What was raised"), *folded(lines, width)]


def _own(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the frames, at the top, by which this program came to the person's code."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return frames
