"""Sagas as lines: columns that fit, and what stands in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sagaz_core.model import SagaSummary
from sagaz_tui.saga_list.feed import Counts, Question
from sagaz_tui.widgets.lines import line_text, line_width
from sagaz_tui.widgets.saga_bars import Freshness, freshness_line, groups_line, title_line
from sagaz_tui.widgets.saga_rows import head_line, lay_out, saga_line, shorten_id

NOW = datetime(2026, 7, 3, 3, 12, 7, tzinfo=UTC)
FAILED = SagaSummary(
    saga_id="order_8841",
    saga_name="OrderSaga",
    status="failed",
    compensation="completed",
    step_name="charge_payment",
    error="CardDeclined: token expired",
    error_group="CardDeclined: token expired",
    started_at=NOW - timedelta(seconds=125),
    updated_at=NOW - timedelta(seconds=120),
    checkpoints=6,
    root_id="order_8841",
)


def text(row: SagaSummary, width: int = 80, *, selected: bool = False) -> str:
    """A saga's line as text."""
    layout = lay_out([row], width, step_head="FAILED AT")
    return line_text(saga_line(row, layout, NOW, selected=selected)).rstrip()


def test_a_failed_saga_says_where_why_when_and_how_it_was_undone() -> None:
    assert text(FAILED, selected=True) == (
        " ▌✗ order_8841  OrderSaga  charge_payment  CardDeclined: token e…    2m  done"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"compensation": "failed"}, ["✗", "FAILED"]),
        ({"compensation": "none"}, ["✗", "none"]),
        ({"recovered_by": "order_8841~r1"}, ["✓", "recovered by order_88"]),
        ({"recovered_by": "order_8841", "status": "completed"}, ["✓", "completed"]),
        ({"recovered_by": "order_8841~r1", "status": "executing"}, ["▸", "running"]),
        ({"status": "executing", "error": None}, ["▸", "running"]),
        ({"status": "compensating"}, ["◇", "undoing: CardDeclined"]),
        ({"status": "interrupted", "error": None}, ["╳", "interrupted: its pro"]),
        ({"status": "completed", "error": None}, ["✓", "completed"]),
        ({"error": None}, ["✗", "failed"]),
    ],
)
def test_every_state_has_a_sign_and_a_word(changed: dict[str, str], words: list[str]) -> None:
    shown = text(replace(FAILED, **changed))
    assert all(word in shown for word in words), shown


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_lines_fit_their_width_and_stand_under_their_heads(width: int) -> None:
    layout = lay_out([FAILED], width, step_head="FAILED AT")
    line = saga_line(FAILED, layout, NOW, selected=False)
    assert line_width(line) == line_width(head_line(layout)) <= width
    shown, head = line_text(line), line_text(head_line(layout))
    assert shown.index("order_8841") == head.index("ID")
    assert "CardDeclin" in shown


def test_a_wide_terminal_tells_how_long_it_took_and_how_many_checkpoints_there_are() -> None:
    assert "5.000s     6  done" in text(FAILED, 120)


def test_what_was_recorded_is_never_an_escape_sequence() -> None:
    shown = text(replace(FAILED, saga_id="a\x1b[2Jb", error="x\x1b]0;owned\x07"), 120)
    assert "\x1b" not in shown
    assert "\\x1b[2J" in shown


def test_a_long_id_keeps_its_beginning_and_its_end() -> None:
    assert shorten_id("0d3f2a44-8f51-4c5e-9f7c-1f0a~r12", 14) == "0d3f2a4…0a~r12"
    assert shorten_id("order_1", 14) == "order_1"


def test_groups_are_shown_as_far_as_there_is_room_and_the_rest_is_counted() -> None:
    counts = Counts(groups=tuple((f"Error: thing {n} went wrong", 10 - n) for n in range(6)))
    left, _, calls = groups_line(counts, "Error: thing 0 went wrong", 80, "E")
    assert line_text(left) == " ▸ thing 0 went wrong 10 · thing 1 went wrong 9 · 4 more"
    assert set(calls.values()) == {"choose_group(0)", "choose_group(1)"}
    assert [span.bold for span in left if "thing 0" in span.text] == [True]


def test_errors_with_the_same_words_are_told_apart_by_their_type() -> None:
    counts = Counts(groups=(("Timeout: no answer", 2), ("Refused: no answer", 1), ("Boom", 1)))
    left, _, _ = groups_line(counts, None, 80, "E")
    assert line_text(left) == " Timeout: no answer 2 · Refused: no answer 1 · Boom 1"


def test_the_title_warns_of_production() -> None:
    title = line_text(title_line("orders.db", "PROD-EU", limits="READ ONLY"))
    assert title == " sagaz  orders.db  PROD-EU  READ ONLY"


def test_a_store_that_does_not_answer_is_stale_for_so_long() -> None:
    lost = Freshness(
        lost=True, since=NOW - timedelta(seconds=14), retry_at=NOW + timedelta(4 / 86400)
    )
    assert line_text(freshness_line(lost, NOW)) == "stale 14 s, retry in 4 s "
    assert line_text(freshness_line(Freshness(), NOW)).startswith("LIVE ")


def test_a_filter_may_contradict_a_view() -> None:
    from sagaz_tui.saga_list.filter import parse_filter

    assert Question(view="failed", filter=parse_filter("status:completed")).contradicts
    assert not Question(view="all", filter=parse_filter("status:completed")).contradicts
    assert not Question(view="failed", filter=parse_filter("status:failed")).contradicts
