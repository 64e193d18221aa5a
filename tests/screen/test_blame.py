"""Blame tells every value of a key in a row each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sagaz_core.history.blame import BlameEntry, Unreadable
from sagaz_core.model import MISSING
from sagaz_tui.widgets.blame_list import blame_line
from sagaz_tui.widgets.lines import line_text, line_width
from tests.screen.recorded import at


def row(value: Any, width: int = 80, step: str | None = "reserve") -> str:
    entry = BlameEntry(
        sequence=2, step_name=step, created_at=at(2), kind="before_step", value=value
    )
    line = blame_line(entry, width, now=True, lit=True)
    assert line_width(line) == width
    return line_text(line)


def test_a_row_has_checkpoint_time_step_value_and_type() -> None:
    assert row(Decimal("9.50")).split() == [
        "▌▸#2",
        *row(1).split()[1:2],
        "reserve",
        "9.50",
        "Decimal",
    ]


def test_what_was_there_before_any_step_is_from_the_start() -> None:
    assert "the start" in row(1, step=None)


def test_a_removed_and_an_unreadable_value_say_so() -> None:
    assert "removed" in row(MISSING)
    assert "‹unreadable›" in row(Unreadable("a frame is damaged"))


@pytest.mark.parametrize("width", [20, 40, 70, 120])
def test_hostile_and_huge_values_stay_in_their_row(width: int) -> None:
    assert row("\x1b[2J[red]" * 1_000_000, width, step="\x07語" * 50).isprintable()
