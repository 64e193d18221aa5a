"""Edits are read as the recorded type, staged, taken back and staged again."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Static

from sagaz_core.errors import OverrideError
from sagaz_tui.edits.base import EditBase
from sagaz_tui.edits.staged import EditLog, StagedEdit, completions, read_edit
from sagaz_tui.showing.theme import THEMES
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.edit_line import EditLine
from sagaz_tui.widgets.staged_lines import staged_lines
from tests.screen.looking import texts, until

STATE: dict[str, Any] = {
    "amount": Decimal("99.99"),
    "cart": [{"sku": "A-1", "qty": 2}],
    "placed_at": datetime(2026, 7, 3, tzinfo=UTC),
    "payment_token": "tok_old",
    "size": (3, 4),
}


def test_a_value_is_read_as_the_recorded_type() -> None:
    assert read_edit("payment_token=tok_new", STATE).after == "tok_new"
    assert read_edit("amount=12.50", STATE).after == Decimal("12.50")
    assert read_edit("/cart/0/qty:=3", STATE).after == 3
    assert read_edit("/size/0=7", STATE).after == 7


def test_another_type_needs_to_be_allowed() -> None:
    with pytest.raises(OverrideError, match="amount"):
        read_edit("amount:=[1]", STATE)
    edit = read_edit("amount:=[1]", STATE, other_type=True)
    assert (edit.after, edit.difference.kind) == ([1], "type_changed")


@pytest.mark.parametrize(
    "text", ["payment_token", "=x", "a:={", "/no/such/place=1", "/cart/9/qty:=1"]
)
def test_what_does_not_fit_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(OverrideError) as caught:
        read_edit(text, STATE)
    assert len(str(caught.value)) > 20


def test_a_new_edit_of_a_place_takes_the_old_one_s_place() -> None:
    log = EditLog()
    for text in ("payment_token=a", "amount=1", "payment_token=b"):
        log = log.staged(read_edit(text, STATE))
    assert [edit.after for edit in log.edits] == [Decimal(1), "b"]


def test_edits_are_taken_back_and_staged_again() -> None:
    first = EditLog().staged(read_edit("amount=1", STATE))
    second = first.staged(read_edit("amount=2", STATE))
    assert second.undone().edits == first.edits
    assert second.undone().undone().edits == ()
    assert second.undone().undone().undone().edits == ()
    assert second.undone().redone().edits == second.edits
    assert second.redone() == second


def test_staging_ends_what_could_be_staged_again() -> None:
    log = EditLog().staged(read_edit("amount=1", STATE)).undone()
    log = log.staged(read_edit("amount=2", STATE))
    assert log.redone() == log


def test_recorded_places_complete_what_was_typed() -> None:
    assert completions("p", STATE) == ["payment_token=", "placed_at="]
    assert completions("/cart/0/", STATE) == ["/cart/0/qty", "/cart/0/sku"]
    assert completions("payment_token=t", STATE) == []
    assert completions("/a~", STATE) == []


def test_staged_edits_read_as_a_diff() -> None:
    edits = tuple(read_edit(text, STATE) for text in ("payment_token=tok_new", "retry=2"))
    assert texts(staged_lines(edits, 60)) == [
        ' ~ /payment_token  "tok_old" → "tok_new"',
        " + /retry          2",
    ]


class EditApp(App[None]):
    """Nothing but an edit line."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield EditLine()

    def on_mount(self) -> None:
        self.query_one(EditLine).open(EditBase("charge", 2, STATE))

    @property
    def staged(self) -> tuple[StagedEdit, ...]:
        return self.query_one(EditLine).edits

    @property
    def hint(self) -> str:
        return str(self.query_one("#hint", Static).content)


async def test_enter_stages_what_fits_and_closes_the_line() -> None:
    app = EditApp()
    async with app.run_test() as pilot:
        await pilot.press(*"amount=5", "enter")
        await until(pilot, lambda: app.staged, "staged")
        assert app.staged[0].after == Decimal(5)
        assert not app.query_one(EditLine).typing


async def test_what_does_not_fit_stays_open_and_says_why() -> None:
    app = EditApp()
    async with app.run_test(size=(140, 10)) as pilot:
        await pilot.press(*"amount=lots", "enter")
        await until(pilot, lambda: "recorded as Decimal" in app.hint, "a sentence")
        assert app.query_one(EditLine).typing
        assert app.staged == ()


async def test_the_line_says_what_an_edit_would_do_as_it_is_typed() -> None:
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        await pilot.press(*"amount=5")
        await until(pilot, lambda: "99.99 → 5   as Decimal" in app.hint, "what it does")


async def test_tab_completes_as_far_as_it_is_certain() -> None:
    app = EditApp()
    async with app.run_test() as pilot:
        entry = app.query_one(EditInput)
        await pilot.press("p", "tab")
        await until(pilot, lambda: entry.value == "p", "the common start")
        assert "payment_token  placed_at" in app.hint
        await pilot.press("a", "tab")
        await until(pilot, lambda: entry.value == "payment_token=", "the key")
        await pilot.press("x")
        assert entry.value == "payment_token=x"


async def test_another_type_is_allowed_by_a_key() -> None:
    app = EditApp()
    async with app.run_test(size=(140, 10)) as pilot:
        await pilot.press(*"amount=lots")
        await until(pilot, lambda: "ctrl+t" in app.hint, "the way out")
        await pilot.press("ctrl+t", "enter")
        await until(pilot, lambda: app.staged, "staged")
        assert (app.staged[0].after, app.staged[0].other_type) == ("lots", True)


async def test_a_pasted_escape_sequence_is_only_text() -> None:
    app = EditApp()
    async with app.run_test(size=(140, 10)):
        app.query_one(EditInput).value = "payment_token=\x1b[31mred[/]"
        await app.query_one(EditLine).workers.wait_for_complete()
        edit = read_edit(app.query_one(EditInput).value, STATE)
        assert all(line.isprintable() for line in texts(staged_lines((edit,), 80)))


class HiddenEditApp(EditApp):
    """The line opens later than the app, as in the debugger: it has no width before."""

    def on_mount(self) -> None:
        """Leave it closed."""


async def test_a_line_opened_later_has_its_whole_hint() -> None:
    app = HiddenEditApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        app.query_one(EditLine).open(EditBase("charge", 2, STATE))
        await until(pilot, lambda: app.hint.endswith("esc keeps what is staged"), "the whole hint")
