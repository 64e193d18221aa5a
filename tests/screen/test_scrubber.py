"""The scrubber shows a whole run in the cells there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from sagaz_core.model import CheckpointSummary, StepInfo, StepRecord
from sagaz_tui.debugger.checkpoints import Checkpoints
from sagaz_tui.showing.theme import THEMES, to_ascii
from sagaz_tui.widgets.lines import line_text
from sagaz_tui.widgets.scrubber import (
    HEIGHT,
    LABEL_WIDTH,
    Scrubber,
    ScrubberState,
    laid_out,
    lanes_in,
    scrubber_line,
)
from sagaz_tui.widgets.track import lay_out
from tests.screen.looking import painted, until, until_painted
from tests.screen.recorded import checkpoint, order_checkpoints


def state_of(checkpoints: Iterable[CheckpointSummary], cursor: int, *more: Any) -> ScrubberState:
    return ScrubberState(Checkpoints.of(checkpoints), cursor, *more)


def drawn(state: ScrubberState, width: int) -> list[str]:
    track = laid_out(state.checkpoints, width - LABEL_WIDTH, 1, ghost=state.ghost)
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


def test_what_was_rehearsed_is_drawn_as_a_ghost_and_its_failure_as_one() -> None:
    state = replace(state_of(order_checkpoints(), 5), ghost=True)
    run, undo, *_ = drawn(state, 80)
    assert run == " ghost ◌┄┄reserve┄┄◌┄┄charge ×3┄┄✗"
    assert undo.split() == ["undo", "╰┄┄◌┄┄reserve┄┄◌┄┄■"]
    lane = scrubber_line(0, state, laid_out(state.checkpoints, 73, 1, ghost=True), 80)
    assert {span.token for span in lane if span.text in {"◌", "✗"}} == {"ghost", "fail"}
    assert to_ascii(run) == " ghost o..reserve..o..charge x3..x"


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


def test_what_runs_now_takes_no_checkpoint_s_place() -> None:
    rows = (*long_run(200), checkpoint(201, "before_compensation", "step_200"))
    undo = drawn(state_of(rows, 0, None, "step_200"), 80)[1]
    assert undo == " undo".ljust(79) + "◇"
    short = drawn(state_of(long_run(30), 0, None, "a_step_of_a_long_name"), 49)[0]
    assert short == " run   " + "○" * 30 + "──a_step_of…"


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
        checkpoint(2, "before_step", "stock"),
        checkpoint(3, "after_step", "stock", running_steps=("fraud",)),
        checkpoint(4, "after_step", "fraud"),
        checkpoint(5, "before_step", "offer"),
        checkpoint(6, "after_step", "offer"),
    )


def test_what_ran_at_the_same_time_is_drawn_double() -> None:
    state = ScrubberState(Checkpoints.of(quote(), branches()))
    run, _, cursor, _ = drawn(state, 80)
    assert run == " run   ○──fraud──○══stock══●──●──○──offer──●"
    assert cursor.endswith("═ = at the same time")
    assert drawn(state, 30)[0] == " run   ○───○═══●───●───○───●"


def test_gathered_cells_show_that_steps_ran_at_the_same_time() -> None:
    rows = list(long_run(400))
    rows[202] = replace(rows[202], running_steps=("step_202",))
    run, _, cursor, _ = drawn(state_of(rows, 0), 80)
    at = LABEL_WIDTH + 202 * (80 - LABEL_WIDTH) // 400
    assert run == " run   " + "".join("═" if n == at else "○" for n in range(LABEL_WIDTH, 80))
    assert cursor.endswith("═ = at the same time")
    assert to_ascii(run)[at] == "="
    rows[202] = replace(rows[202], kind="step_failed")
    assert drawn(state_of(rows, 0), 80)[0][at] == "✗"
    assert not any("═" in line for line in drawn(state_of(long_run(400), 0), 80))


def test_one_step_after_another_has_no_double_line() -> None:
    assert "═" not in "".join(drawn(state_of(order_checkpoints(), 2, 1), 80))


def test_a_double_line_has_an_ascii_twin() -> None:
    state = ScrubberState(Checkpoints.of(quote(), branches()))
    assert "o==stock==*" in to_ascii(drawn(state, 80)[0])


def branches() -> tuple[StepInfo, ...]:
    """Two steps side by side, and one after both."""
    return (
        StepInfo("fraud", depends_on=()),
        StepInfo("stock", depends_on=()),
        StepInfo("offer", depends_on=("fraud", "stock")),
    )


def in_lanes(checkpoints: Iterable[CheckpointSummary], height: int, width: int) -> list[str]:
    state = ScrubberState(Checkpoints.of(checkpoints, branches()))
    lanes = lanes_in(height)
    track = laid_out(state.checkpoints, width - LABEL_WIDTH, len(lanes) - 1)
    lines = [scrubber_line(y, state, track, width, lanes) for y in range(height)]
    return [line_text(line).rstrip() for line in lines]


def test_where_there_is_room_each_branch_has_a_lane_of_its_own() -> None:
    first, second, undo, *_ = in_lanes(quote(), HEIGHT + 1, 80)
    assert first == " run   ○──fraud───────────────●──○──offer──●"
    assert second == "                 ○──stock──●"
    assert undo == " undo"


def test_more_branches_than_lanes_are_drawn_as_a_double_line() -> None:
    third = checkpoint(3, "before_step", "freight")
    run, second, *_ = in_lanes((*quote()[:2], third), HEIGHT + 1, 80)
    assert "══" in run
    assert second == ""
    assert in_lanes((*quote()[:2], third), HEIGHT + 2, 80)[2].strip() == "○"


@pytest.mark.parametrize("width", [14, 20, 30, 45, 80, 120])
def test_lanes_of_branches_never_leave_the_screen(width: int) -> None:
    for line in in_lanes(quote(), HEIGHT + 2, width):
        assert cell_len(line) <= width


def test_how_many_steps_can_run_at_once_is_known_from_the_start() -> None:
    assert Checkpoints(branches()).breadth == 2
    assert Checkpoints((StepInfo("a"), StepInfo("b"))).breadth == 1
    assert Checkpoints().breadth == 1
    circle = (StepInfo("a", depends_on=("b",)), StepInfo("b", depends_on=("a",)))
    assert Checkpoints(circle).breadth == 1


@pytest.mark.parametrize(("size", "height"), [((80, 24), 4), ((120, 40), 5)])
async def test_lanes_take_lines_only_where_there_is_room(
    size: tuple[int, int], height: int
) -> None:
    app = LaneApp()
    async with app.run_test(size=size) as pilot:
        scrubber = app.query_one(Scrubber)
        scrubber.set_state(ScrubberState(Checkpoints.of(quote(), branches())))
        await until(pilot, lambda: scrubber.size.height == height, "its height")
        await until_painted(pilot, "stock", "offer")
        assert ("══" in painted(app)) == (height == 4)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: scrubber.size.height == 4, "its height")
        await until_painted(pilot, "══stock══")


class LaneApp(App[None]):
    """Nothing but a scrubber."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield Scrubber()


def test_where_only_beginnings_are_recorded_a_step_ends_with_what_tells_of_it() -> None:
    ended = (StepRecord("fraud", "completed"), StepRecord("stock", "completed"))
    offer = checkpoint(3, "before_step", "offer", step_records=ended)
    end = checkpoint(4, "completed", None)
    state = ScrubberState(Checkpoints.of((*quote()[:2], offer, end), branches()))
    assert drawn(state, 80)[0] == " run   ○──fraud──○══stock══○──offer──✓"
