"""Why a saga stands as it does: error, diff and steps, in lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sagaz_core.model import Difference, NotStored, StepError, StepInfo
from sagaz_tui.widgets.diff_lines import diff_heading, diff_lines
from sagaz_tui.widgets.lines import line_width
from sagaz_tui.widgets.traceback_text import read_traceback
from sagaz_tui.widgets.why_lines import error_lines, step_lines
from tests.screen.looking import texts
from tests.screen.recorded import TRACEBACK, checkpoint, order_checkpoints

FAILURE = order_checkpoints()[2]


def test_an_error_shows_own_code_first_and_names_its_cause() -> None:
    assert texts(error_lines(FAILURE, FAILURE, 70, library=False)) == [
        " CardDeclined: token expired                  attempt 3 of 3 · 1.204s",
        "   ask for another",
        " shop/payment.py:88 _send     raise CardDeclined(resp.reason)",
        " shop/payment.py:80 _charge   return self._send(token)",
        " 1 library frame (o)",
        " caused by ConnectionError: refused",
        ' shop/http.py:12 post   raise ConnectionError("refused")',
    ]


def test_a_narrow_pane_wraps_the_error_and_puts_code_below_its_place() -> None:
    assert texts(error_lines(FAILURE, FAILURE, 34, library=False))[:6] == [
        " CardDeclined: token expired",
        " attempt 3 of 3 · 1.204s",
        "   ask for another",
        " shop/payment.py:88 _send",
        "     raise",
        "     CardDeclined(resp.reason)",
    ]


def test_a_long_cause_is_wrapped() -> None:
    narrow = texts(error_lines(FAILURE, FAILURE, 30, library=False))
    assert " caused by ConnectionError:" in narrow
    assert " refused" in narrow


def test_library_frames_are_shown_when_asked_for() -> None:
    shown = "\n".join(texts(error_lines(FAILURE, FAILURE, 70, library=True)))
    assert "gateway/client.py:88 run" in shown
    assert "library frame" not in shown


def test_an_error_from_a_library_alone_is_shown_whole() -> None:
    text = TRACEBACK.replace("/app/shop", "/venv/lib/python3.11/site-packages/shop")
    failed = checkpoint(3, "step_failed", "charge", error=StepError("E", "m", text))
    assert any(
        "payment.py:88" in line for line in texts(error_lines(failed, None, 80, library=False))
    )


def test_without_an_error_the_nearest_one_is_named() -> None:
    first = order_checkpoints()[0]
    assert texts(error_lines(first, FAILURE, 80, library=False)) == [
        " no error at #1; the latest is at #3 (f)"
    ]
    assert texts(error_lines(first, None, 80, library=False)) == [" no error at #1"]


@pytest.mark.parametrize(
    "text", ["", "no traceback at all", "Traceback (most recent call last):\n"]
)
def test_what_is_no_traceback_gives_no_frames(text: str) -> None:
    assert [frame for raised in read_traceback(text) for frame in raised.frames] == []


def test_an_error_cannot_act_on_the_terminal() -> None:
    evil = StepError(
        "E\x1b[2J", "a\x1b[31m\nb\x9b", 'Traceback\n  File "\x1b", line 1, in \x07\n    \x1b[0m\n'
    )
    failed = checkpoint(3, "step_failed", "charge", error=evil)
    for line in texts(error_lines(failed, None, 80, library=True)):
        assert line.isprintable()


DIFFERENCES = [
    Difference("/payment_token", "changed", "tok_old", "tok_new"),
    Difference("/amount", "type_changed", Decimal("99.99"), 99.99),
    Difference("/retry_attempt", "added", after=2),
    Difference("/lock", "removed", before="w-7"),
    Difference("/cart/blob", "changed", 1, NotStored("/cart/blob", "Socket", "no")),
]


def test_a_diff_has_a_sign_a_pointer_and_both_values() -> None:
    assert texts(diff_lines("#1→#2, by reserve", DIFFERENCES, 70)) == [
        " #1→#2, by reserve",
        ' ~ /payment_token  "tok_old" → "tok_new"',
        " ~ /amount         99.99 Decimal → 99.99 float                   TYPE",
        " + /retry_attempt  2",
        ' - /lock           "w-7"',
        " ? /cart/blob      1 → ‹not stored: Socket›",
    ]


@pytest.mark.parametrize("width", [20, 30, 44, 80, 200])
def test_a_diff_fits_its_pane(width: int) -> None:
    long = [Difference("/" + "p" * 90, "changed", "語" * 200, "x" * 10_000_000)]
    for line in diff_lines("#1→#2", [*DIFFERENCES, *long], width):
        assert line_width(line) <= width


def test_the_heading_names_the_cause() -> None:
    assert diff_heading(2, 1, {"reserve": "reserve", "cart": "reserve"}) == "#1→#2, by reserve"
    assert (
        diff_heading(5, 3, {"a": "one", "b": "two", "c": "three"})
        == "#3→#5, by one, two and 1 more"
    )
    assert diff_heading(1, None, {"a": None}) == "#1, the first"


def test_a_checkpoint_that_changed_nothing_says_so() -> None:
    assert texts(diff_lines("#2→#3", [], 40)) == [" #2→#3", " nothing changed"]


def test_long_texts_are_shown_from_where_they_begin_to_differ() -> None:
    before, after = "a" * 5_000 + "old" + "b" * 500, "a" * 5_000 + "new" + "b" * 500
    shown = texts(diff_lines("#1→#2", [Difference("/note", "changed", before, after)], 60))[1]
    old, new = shown.split(" → ")
    assert '"…aaa' in old
    assert "old" in old
    assert "new" in new
    for before, after in (("tok_1", "tok_2"), ("same" * 50, "same" * 50)):
        shown = texts(diff_lines("#1→#2", [Difference("/t", "changed", before, after)], 40))[1]
        assert "…s" not in shown
        assert shown.startswith(f' ~ /t  "{before[:5]}')


def test_of_many_changes_only_those_looked_at_are_written() -> None:
    changes = [Difference(f"/key_{n}", "added", after=n) for n in range(100_000)]
    written: list[int] = []

    class Watched(list[Difference]):
        def __getitem__(self, index: Any) -> Any:
            if isinstance(index, int):
                written.append(index)
            return super().__getitem__(index)

    lines = diff_lines("#1, the first", Watched(changes), 60)
    assert len(lines) == 100_001
    assert texts([lines[-1]]) == [" + /key_99999  99999"]
    assert written == [99_999]


def test_a_step_tells_its_tries_keys_and_nature() -> None:
    steps = {"charge": StepInfo("charge", ("reserve",), idempotent=False, compensated=True)}
    lines = texts(step_lines(FAILURE, steps, 80))
    assert lines[0].split() == ["charge", "failed", "3.612s"]
    assert [line.split()[:2] for line in lines[1:4]] == [["try", "1"], ["try", "2"], ["try", "3"]]
    assert lines[4:] == [
        "   read     amount, payment_token",
        "   set      tries",
        "   after    reserve",
        "   is       has a compensation, not declared idempotent",
    ]


def test_a_step_tells_what_undoes_it() -> None:
    definition = {"charge": StepInfo("charge", compensated=True, compensation="refund")}
    lines = texts(step_lines(order_checkpoints()[1], definition, 80))
    assert lines[-1] == "   is       undone by refund, not declared idempotent"


def test_a_step_that_has_not_run_yet_says_so() -> None:
    assert texts(step_lines(order_checkpoints()[0], {}, 80)) == [" reserve  begins here"]


def test_what_a_step_is_folds_instead_of_being_cut() -> None:
    definition = {"charge": StepInfo("charge", compensated=True)}
    lines = texts(step_lines(order_checkpoints()[1], definition, 34))
    assert lines[1:] == [
        "   is       has a compensation,",
        "            not declared",
        "            idempotent",
    ]
