"""The scrubber shows a whole run in the cells there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len

from sagaz_core.model import CheckpointSummary, StepInfo
from sagaz_tui.checkpoints import Checkpoints
from sagaz_tui.theme import to_ascii
from sagaz_tui.widgets.lines import line_text
from sagaz_tui.widgets.scrubber import HEIGHT, LABEL_WIDTH, ScrubberState, scrubber_line
from sagaz_tui.widgets.track import lay_out
from tests.screen.recorded import checkpoint, order_checkpoints


def state_of(checkpoints: Iterable[CheckpointSummary], cursor: int, *more: Any) -> ScrubberState:
    return ScrubberState(Checkpoints.of(checkpoints), cursor, *more)


def drawn(state: ScrubberState, width: int) -> list[str]:
    track = lay_out(state.checkpoints, width - LABEL_WIDTH)
    lines = [scrubber_line(y, state, track, width) for y in range(HEIGHT)]
    return [line_text(line).rstrip() for line in lines]


def long_run(steps: int) -> tuple[CheckpointSummary, ...]:
    return tuple(checkpoint(n, "before_step", f"step_{n}") for n in range(1, steps + 1))


def test_run_and_undo_have_a_lane_each_and_the_cursor_a_mark() -> None:
    run, undo, cursor, words = drawn(state_of(order_checkpoints(), 2, 1), 80)
    assert run == " run   ○──reserve──○──charge ×3──✗"
    assert undo == " undo              R             ╰──◇──reserve──◆──■"
    assert cursor.startswith(" " * run.index("✗") + "▲")
    assert cursor.endswith("R = replay start")
    assert words.startswith(" #3/6 step_failed charge  ")
    assert words.endswith("+3.000s")


def test_the_undo_lane_names_the_function_that_undoes_where_it_is_known() -> None:
    steps = (StepInfo("reserve", compensated=True, compensation="release"),)
    state = ScrubberState(Checkpoints.of(order_checkpoints(), steps), 2)
    assert drawn(state, 80)[1].split() == ["undo", "╰──◇──release──◆──■"]


def test_undoing_begins_under_the_failure() -> None:
    run, undo, *_ = drawn(state_of(order_checkpoints(), 0), 80)
    assert undo.index("╰") == run.index("✗")


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
def test_lanes_never_leave_the_screen(width: int) -> None:
    for line in drawn(state_of(order_checkpoints(), 2, 1), width):
        assert cell_len(line) <= width


def test_names_are_shortened_before_they_are_left_out() -> None:
    assert "charge" in drawn(state_of(order_checkpoints(), 2), 60)[0]
    assert drawn(state_of(order_checkpoints(), 2), 30)[0] == " run   ○───○───✗"


def test_cells_stand_close_before_they_gather() -> None:
    assert drawn(state_of(long_run(60), 0), 80)[0] == " run   " + "○" * 60
    assert drawn(state_of(long_run(60), 0), 130)[0] == " run   " + "─".join("○" * 60)


def test_more_checkpoints_than_cells_gather_and_the_worst_one_shows() -> None:
    checkpoints = (
        *long_run(500),
        checkpoint(501, "step_failed", "step_500"),
        *(checkpoint(n, "before_step", f"step_{n}") for n in range(502, 700)),
    )
    run, *_ = drawn(state_of(checkpoints, 0), 80)
    assert len(run) == 80
    assert run.count("✗") == 1


@pytest.mark.parametrize("count", [1, 2, 72, 73, 74, 145, 1000])
@pytest.mark.parametrize("width", [1, 10, 73])
def test_every_checkpoint_has_a_column_in_order(count: int, width: int) -> None:
    track = lay_out(Checkpoints.of(long_run(count)), width)
    assert len(track.columns) == count
    assert list(track.columns) == sorted(track.columns)
    assert track.columns[-1] < width
    assert track.stops[0].first == 0
    assert track.stops[-1].last == count - 1


def test_lost_checkpoints_show_as_a_gap() -> None:
    checkpoints = (checkpoint(1, "before_step", "a"), checkpoint(2, "before_step", "b", gap=3))
    run, _, _, words = drawn(state_of(checkpoints, 1), 80)
    assert run == " run   ○┄?┄○"
    assert words.endswith("3 lost before it")


def test_a_live_saga_shows_what_runs_now() -> None:
    checkpoints = (checkpoint(1, "before_step", "a"), checkpoint(2, "before_step", "b"))
    assert drawn(state_of(checkpoints, 1, None, "b"), 80)[0] == " run   ○──a──○──b ▸"


def test_the_nearest_checkpoint_answers_a_click() -> None:
    track = lay_out(Checkpoints.of(order_checkpoints()), 73)
    for index, column in enumerate(track.columns):
        assert track.nearest(column) == index
    assert track.nearest(500) == 5
    assert track.nearest(-4) == 0


def test_before_anything_is_read_nothing_is_drawn() -> None:
    assert drawn(ScrubberState(), 80) == [" run", " undo", "", ""]


def quote() -> tuple[CheckpointSummary, ...]:
    """Two branches at the same time, then one step that waits for both."""
    return (
        checkpoint(1, "before_step", "fraud"),
        checkpoint(2, "before_step", "stock", running_steps=("fraud",)),
        checkpoint(3, "after_step", "stock", running_steps=("fraud",)),
        checkpoint(4, "after_step", "fraud"),
        checkpoint(5, "before_step", "offer"),
        checkpoint(6, "after_step", "offer"),
    )


def test_what_ran_at_the_same_time_is_drawn_double() -> None:
    run, _, cursor, _ = drawn(state_of(quote(), 0), 80)
    assert run == " run   ○──fraud──○══stock══●──●──○──offer──●"
    assert cursor.endswith("═ = at the same time")
    assert drawn(state_of(quote(), 0), 30)[0] == " run   ○───○═══●───●───○───●"


def test_one_step_after_another_has_no_double_line() -> None:
    assert "═" not in "".join(drawn(state_of(order_checkpoints(), 2, 1), 80))


def test_a_double_line_has_an_ascii_twin() -> None:
    assert to_ascii(drawn(state_of(quote(), 0), 80)[0]).isascii()
    assert "o==stock==*" in to_ascii(drawn(state_of(quote(), 0), 80)[0])
