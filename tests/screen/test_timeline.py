"""The timeline tells each checkpoint in a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagaz_core.model import StepInfo
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.widgets.lines import line_text, line_width
from sagaz_tui.widgets.timeline import TimelineState, timeline_row
from tests.screen.recorded import checkpoint, order_checkpoints

STATE = TimelineState(Checkpoints.of(order_checkpoints()), cursor=2, start=1)


def rows(width: int = 32) -> list[str]:
    return [line_text(timeline_row(STATE, n, width)).rstrip() for n in range(6)]


def test_a_row_has_number_glyph_and_words() -> None:
    assert rows() == [
        " 1 ○ before reserve",
        " 2 ○ before charge            R",
        "▌3 ✗ charge failed ×3",
        " 4 ◇ undo reserve",
        " 5 ◆ undone reserve",
        " 6 ■ failed",
    ]


def test_what_was_rehearsed_has_the_sign_of_a_ghost_and_its_failure_its_own() -> None:
    ghost = replace(STATE, ghost=True, cursor=5)
    drawn = [timeline_row(ghost, n, 32)[2] for n in range(6)]
    assert "".join(span.text for span in drawn) == "◌◌✗◌◌■"
    assert [span.token for span in drawn] == ["ghost", "ghost", "fail", "ghost", "ghost", "fail"]


def test_undoing_goes_by_the_name_of_its_function_where_that_is_known() -> None:
    checkpoints = Checkpoints.of(
        (
            checkpoint(1, "before_compensation", "reserve"),
            checkpoint(2, "compensation_failed", "reserve"),
            checkpoint(3, "before_compensation", "charge"),
        ),
        (StepInfo("reserve", compensated=True, compensation="release"), StepInfo("charge")),
    )
    lines = [line_text(timeline_row(TimelineState(checkpoints), n, 32)).rstrip() for n in range(3)]
    assert lines == ["▌1 ◇ release ▸reserve", " 2 ✗ release FAILED ▸reserve", " 3 ◇ undo charge"]


def test_later_states_are_dimmed_and_failures_stay_red() -> None:
    tokens = [[span.token for span in timeline_row(STATE, n, 32)][2:4] for n in range(6)]
    assert tokens == [
        ["text", "text"],
        ["text", "text"],
        ["fail", "fail"],
        ["future", "future"],
        ["future", "future"],
        ["fail", "future"],
    ]


def test_a_wide_row_tells_the_time_since_the_start() -> None:
    assert rows(48)[1].split() == ["2", "○", "before", "charge", "+1.500s", "R"]


@pytest.mark.parametrize("width", [6, 12, 20, 32, 60])
def test_a_row_is_exactly_as_wide_as_its_pane(width: int) -> None:
    checkpoints = (checkpoint(1, "before_step", "日本" * 20, gap=2),)
    assert line_width(timeline_row(TimelineState(Checkpoints.of(checkpoints)), 0, width)) == width


def test_a_name_from_a_store_cannot_act() -> None:
    checkpoints = (checkpoint(1, "manual", label="\x1b]0;owned\x07[red]"),)
    text = line_text(timeline_row(TimelineState(Checkpoints.of(checkpoints)), 0, 60))
    assert text.isprintable()
    assert "[red]" in text


def test_a_row_without_marks_has_its_whole_width_for_words() -> None:
    checkpoints = (checkpoint(6, "compensation_failed", "charge_payment"),)
    (line,) = [line_text(timeline_row(TimelineState(Checkpoints.of(checkpoints)), 0, 32))]
    assert line.rstrip() == "▌6 ✗ undo FAILED charge_payment"
