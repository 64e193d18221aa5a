"""Reads a formatted traceback back into frames, so that a person's own code can come first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final, NamedTuple

_FRAME: Final = re.compile(
    r'^\s*(?:[+|]\s*)*File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<function>.*))?$'
)
_CHAINED: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_LIBRARY: Final = re.compile(
    r"(^<)|[/\\](site-packages|dist-packages|lib[/\\]python3[^/\\]*|sagaz_core)[/\\]"
)
_PARTS_SHOWN: Final = 2


class Frame(NamedTuple):
    """One call: where, and the source line if it was known."""

    file: str
    line: int
    function: str
    code: str = ""

    @property
    def library(self) -> bool:
        """Whether it is in installed code rather than the person's own."""
        return bool(_LIBRARY.search(self.file))

    @property
    def place(self) -> str:
        """The file by its last parts, and the line: ``shop/payment.py:88``."""
        return f"{'/'.join(PurePath(self.file).parts[-_PARTS_SHOWN:])}:{self.line}"


class Raised(NamedTuple):
    """One exception of a chain: its last line, and its frames, innermost first."""

    headline: str
    frames: tuple[Frame, ...]


def read_traceback(text: str) -> list[Raised]:
    """Return the chain of exceptions in a formatted traceback, the last one raised first.

    Text that is no traceback gives an empty list.
    """
    chain: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() in _CHAINED:
            chain.append([])
        else:
            chain[-1].append(line)
    raised = [_read_one(block) for block in reversed(chain)]
    return [one for one in raised if one.frames or one.headline]


def _read_one(block: list[str]) -> Raised:
    frames = list(_frames(block))
    headline = next(
        (line for line in block if line and not line[0].isspace() and not _is_opening(line)), ""
    )
    return Raised(headline, tuple(reversed(frames)))


def _is_opening(line: str) -> bool:
    return "Traceback (most recent call last)" in line


def _frames(block: list[str]) -> Iterator[Frame]:
    for index, line in enumerate(block):
        found = _FRAME.match(line)
        if found:
            after = block[index + 1] if index + 1 < len(block) else ""
            code = after.strip() if after[:1].isspace() and not _FRAME.match(after) else ""
            yield Frame(found["file"], int(found["line"]), found["function"] or "", code)
