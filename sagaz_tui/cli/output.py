"""What a command prints: aligned text, a table, or JSON; all of it safe to show."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import typer

from sagaz_tui.cli.options import Format
from sagaz_tui.showing.text import visible
from sagaz_tui.showing.values import json_text

Row = tuple[str, ...]
Listing = tuple[Row, list[Row]]
"""The columns' names, and the rows below them."""

_GAP: Final = "  "
_NARROWEST: Final = 12


def emit_json(data: Any) -> None:
    """Write data, already in JSON form, to stdout."""
    typer.echo(json_text(data))


def emit_json_line(data: Any) -> None:
    """Write data, already in JSON form, to stdout as one line."""
    typer.echo(json_text(data, indent=None))


def emit(line: str = "") -> None:
    """Write one line to stdout, safe to show."""
    typer.echo(visible(line))


def emit_rows(
    columns: Sequence[str], rows: Sequence[Sequence[str]], format: Format, *, title: str = ""
) -> None:
    """Write rows under their columns' names.

    ``table`` draws a frame on a terminal. Everything else is aligned text, cut to the width of
    the terminal if there is one, never when piped.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    if format == "table" and sys.stdout.isatty():
        _emit_framed(columns, cells, title)
        return
    if title:
        emit(title)
    for line in _aligned([list(columns), *cells], _terminal_width()):
        typer.echo(line)


def emit_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Write names and what they stand for in two columns, leaving out empty ones."""
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        if value:
            emit(f"{name:<{width}}{_GAP}{value}")


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _emit_framed(columns: Sequence[str], cells: list[list[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


# ---------------------------------------------------------------- aligned text


def _aligned(lines: list[list[str]], available: int | None) -> list[str]:
    widths = [max(map(_cells, column)) for column in zip(*lines, strict=True)]
    if available is not None:
        _squeeze(widths, available - len(_GAP) * (len(widths) - 1))
    return [
        _GAP.join(_fitted(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _squeeze(widths: list[int], available: int) -> None:
    """Take what is too much from the widest columns, down to a width that still tells."""
    while sum(widths) > available and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1


def _fitted(text: str, width: int) -> str:
    if _cells(text) > width:
        while text and _cells(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _cells(text))


def _cells(text: str) -> int:
    """How many terminal cells a text takes."""
    if text.isascii():
        return len(text)
    return sum(_char_cells(char) for char in text)


def _char_cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
