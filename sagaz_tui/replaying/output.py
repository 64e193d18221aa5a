"""What the process of a replay prints: the file it goes to, and its last lines."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sagaz_tui.replaying.private_folder import (
    UnsafeFolderError,
    private_folder,
    runtime_folder,
    runtime_place,
    state_place,
)
from sagaz_tui.showing.text import visible_lines

_REQUEST: Final = re.compile(r"screen-[0-9a-f]{16}")
_KEPT_DAYS: Final = 30
_MOST: Final = 1 << 16
_LONG_LINE: Final = 1 << 12
_LINE_ENDS: Final = re.compile(r"\r\n|\r")


@dataclass(frozen=True, slots=True)
class Output:
    """The end of what a process has printed so far.

    Args:
        lines: each safe to show, the last one perhaps not whole yet.
        size: bytes that the file has.
        left_out: bytes before the first line, which are not read.
    """

    lines: tuple[str, ...]
    size: int
    left_out: int = 0


def new_request_id() -> str:
    """Return a name for a replay that a screen asks for; by it its output is found again."""
    return f"screen-{os.urandom(8).hex()}"


def new_output(request_id: str) -> Path:
    """Return where the output of a replay may go, and remove what is older than 30 days there.

    That is a folder which stays when the terminal's session ends, if there can be such a one.

    Raises:
        UnsafeFolderError: there is no folder that only this user can look into.
    """
    place = state_place()
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder = private_folder(place)
    except UnsafeFolderError:
        folder = runtime_folder()
    oldest = time.time() - _KEPT_DAYS * 86_400
    for log in folder.glob("replay-*.log"):
        with suppress(OSError):
            if log.stat().st_mtime < oldest:
                log.unlink()
    return folder / _name(request_id)


def find_output(request_id: str | None) -> Path | None:
    """Return the file that a replay's output goes to.

    None: no screen of this user on this machine has asked for the replay, or it was removed.
    """
    # What a store says is no path before it is known to be a name of ours.
    if request_id is None or not _REQUEST.fullmatch(request_id):
        return None
    files = (place / _name(request_id) for place in (state_place(), runtime_place()))
    return next((file for file in files if file.is_file()), None)


def _name(request_id: str) -> str:
    return f"replay-{request_id}.log"


def output_size(log: Path) -> int:
    """Return how many bytes there are to read; 0: it cannot be read."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def read_output(log: Path) -> Output:
    """Return the end of a replay's output: 64 KiB at most.

    Raises:
        OSError: it cannot be read.
    """
    with log.open("rb") as file:
        size = file.seek(0, 2)
        start = max(size - _MOST, 0)
        file.seek(start)
        data = file.read(_MOST)
    if start:
        # The rest of a line is left out, unless there is more of it than a line should have.
        whole = data.find(b"\n", 0, _LONG_LINE) + 1
        start, data = start + whole, data[whole:]
    text = _LINE_ENDS.sub("\n", data.decode("utf-8", "replace")).removesuffix("\n")
    return Output(tuple(visible_lines(text)) if text else (), size, start)
