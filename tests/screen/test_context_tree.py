"""The context pane unfolds a checkpoint's state, and marks what is new in it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from textual.app import App, ComposeResult

from sagaz_core.history.diff import diff
from sagaz_core.model import NotStored
from sagaz_tui.showing.theme import THEMES
from sagaz_tui.widgets.context_rows import (
    MAX_ROWS,
    PAGE,
    ContextState,
    Folding,
    Row,
    Undone,
    find_paths,
    pointer_of,
    rows_of,
)
from sagaz_tui.widgets.context_tree import ContextTree, context_line, value_column
from sagaz_tui.widgets.lines import line_text, line_width
from tests.screen.looking import texts

BEFORE: dict[str, Any] = {"amount": Decimal("99.99"), "cart": [{"qty": 1}], "order_id": "8841"}
STATE = ContextState(
    sequence=3,
    context={**BEFORE, "cart": [{"qty": 2}], "retry": 2},
    results={"reserve": {"reservation_id": "rsv_771", "qty": 2}},
    changes=tuple(diff(BEFORE, {**BEFORE, "cart": [{"qty": 2}], "retry": 2})),
    set_at={"reserve": 2, "amount": 1},
    undone={},
)


def shown(state: ContextState, folding: Folding, width: int = 48) -> list[str]:
    rows = rows_of(state, folding)
    column = value_column(rows)
    return texts([context_line(row, state, column, width, False) for row in rows])


def test_keys_come_by_name_and_results_after_them() -> None:
    assert shown(STATE, Folding()) == [
        "    amount            99.99             Decimal",
        ' ~▸ cart              [{"qty": 2}]',
        '    order_id          "8841"',
        " +  retry             2",
        "  ▾ reserve                           set by #2",
        '      reservation_id  "rsv_771"',
        "      qty             2",
    ]


def test_a_change_marks_everything_above_it() -> None:
    rows = {pointer_of(row.path): row.change for row in rows_of(STATE, Folding("open"))}
    assert rows["/cart"] == rows["/cart/0"] == rows["/cart/0/qty"] == "changed"
    assert rows["/retry"] == "added"
    assert rows["/amount"] is rows["/reserve"] is None


def test_what_came_as_a_whole_is_new_in_every_part() -> None:
    state = ContextState(context={"a": {"b": 1}}, changes=tuple(diff({}, {"a": {"b": 1}})))
    assert [row.change for row in rows_of(state, Folding("open"))] == ["added", "added"]


def test_an_undone_result_says_so() -> None:
    state = ContextState(results=STATE.results, undone={"reserve": Undone(5, failed=False)})
    assert shown(state, Folding("closed"))[0].endswith("⊘ undone at #5")
    state = ContextState(results=STATE.results, undone={"reserve": Undone(5, failed=True)})
    assert shown(state, Folding("closed"))[0].endswith("undo FAILED at #5")


def test_a_result_of_another_run_says_so() -> None:
    state = ContextState(results=STATE.results, origins={"reserve": "order_1"})
    assert shown(state, Folding("closed"))[0].endswith("ran in order_1")
    state = ContextState(results=STATE.results, kept=frozenset({"reserve"}))
    assert shown(state, Folding("closed"))[0].endswith("⊘ restored in name only")


def test_a_key_of_two_branches_is_marked() -> None:
    state = ContextState(context={"shared": 1}, conflicts=frozenset({"shared"}))
    assert shown(state, Folding())[0].endswith("set by two branches")


def test_what_could_not_be_stored_shows_as_that() -> None:
    state = ContextState(context={"blob": NotStored("/blob", "Socket", "no")})
    assert "‹not stored: Socket›" in shown(state, Folding(), 60)[0]


@pytest.mark.parametrize("width", [8, 20, 30, 47, 80])
def test_rows_are_exactly_as_wide_as_the_pane(width: int) -> None:
    state = ContextState(context={"日本" * 9: "語" * 99, "deep": {"a" * 50: Decimal("1.5")}})
    rows = rows_of(state, Folding("open"))
    column = value_column(rows)
    for row in rows:
        assert line_width(context_line(row, state, column, width, True)) == width


def test_nothing_in_a_context_can_act_on_the_terminal() -> None:
    state = ContextState(context={"\x1b[2J[red]": "\u202e\x9b", "k": {"\x07": b"\x00"}})
    for line in shown(state, Folding("open"), 80):
        assert line.isprintable()
    assert "[red]" in "".join(shown(state, Folding("open"), 80))


def test_a_long_list_unfolds_by_the_page() -> None:
    state = ContextState(context={"log": list(range(1_000_000))})
    folding = Folding().turned(("log",), open=True)
    rows = rows_of(state, folding)
    assert len(rows) == PAGE + 2
    assert rows[-1].more == 1_000_000 - PAGE
    assert len(rows_of(state, folding.with_more(("log",)))) == 2 * PAGE + 2


def test_unfolding_everything_stays_within_bounds() -> None:
    wide = {f"k{n}": {f"m{m}": [0] * 50 for m in range(50)} for n in range(50)}
    assert len(rows_of(ContextState(context=wide), Folding("open"))) == MAX_ROWS


def test_a_search_finds_keys_and_values_folded_or_not() -> None:
    assert find_paths(STATE, "QTY") == [("cart", 0, "qty"), ("reserve", "qty")]
    assert find_paths(STATE, "rsv_7") == [("reserve", "reservation_id")]
    assert find_paths(STATE, "") == []


class TreeApp(App[None]):
    """Nothing but a tree."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield ContextTree()


async def test_the_cursor_stays_on_its_key_when_keys_come_and_go() -> None:
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.set_state(STATE)
        tree.go_to(("order_id",))
        tree.set_state(ContextState(context={"aaa": 1, **BEFORE}))
        assert tree.path == ("order_id",)
        tree.set_state(ContextState(context={"aaa": 1}))
        tree.set_state(STATE)
        assert tree.path == ("order_id",)


async def test_what_a_person_folded_stays_folded_while_scrubbing() -> None:
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.focus()
        tree.set_state(STATE)
        tree.go_to(("reserve",))
        await pilot.press("enter")
        assert tree.count == 5
        tree.set_state(ContextState(context=BEFORE, results=STATE.results))
        assert tree.count == 4


async def test_moving_the_cursor_draws_two_rows() -> None:
    async with TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.focus()
        tree.set_state(STATE)
        await pilot.pause()
        drawn: list[int] = []
        line = tree.line
        tree.line = lambda index: (drawn.append(index), line(index))[1]  # type: ignore[method-assign]
        await pilot.press("j")
        await pilot.pause()
        assert sorted(drawn) == [0, 1]


async def test_a_found_place_unfolds_what_is_above_it() -> None:
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.set_state(STATE)
        tree.search("qty")
        await pilot.app.workers.wait_for_complete()
        assert tree.path == ("cart", 0, "qty")
        tree.action_found(1)
        assert tree.path == ("reserve", "qty")
        tree.action_found(1)
        assert tree.path == ("cart", 0, "qty")
        tree.action_found(-1)
        assert tree.path == ("reserve", "qty")


async def test_the_row_under_the_cursor_is_lit_only_with_the_keys() -> None:
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.set_state(STATE)
        tree.focus()
        await pilot.pause()
        line, lit = tree.line(0)
        assert lit
        assert line_text(line).startswith("▌")
        pilot.app.set_focus(None)
        await pilot.pause()
        assert tree.line(0)[1] is False
        assert line_text(tree.line(0)[0]).startswith("▌")


def test_a_long_moment_is_worth_more_than_the_word_for_it() -> None:
    moment = datetime(2026, 7, 3, 12, 30, 59, 123456, tzinfo=UTC)
    state = ContextState(context={"placed_at": moment})
    assert shown(state, Folding(), 34) == ["    placed_at  2026-07-03T12:30:…Z"]
    assert shown(state, Folding(), 60)[0].split() == ["placed_at", moment.isoformat(), "datetime"]


def test_an_unfolded_name_takes_the_room_of_its_value() -> None:
    name = "reserve_inventory_of_the_warehouse"
    state = ContextState(results={name: {"qty": 2}}, set_at={name: 2})
    assert shown(state, Folding(), 50)[0].split() == ["▾", name, "set", "by", "#2"]


def test_pinned_keys_come_first_even_where_the_checkpoint_has_none() -> None:
    rows = rows_of(STATE, Folding(), ("retry", "later", "reserve"))
    lines = texts([context_line(row, STATE, value_column(rows), 48, False) for row in rows])
    assert lines[:4] == [
        "★+  retry             2",
        "★   later             ‹not set›",
        "★ ▾ reserve                           set by #2",
        '      reservation_id  "rsv_771"',
    ]
    assert [row.path for row in rows].count(("retry",)) == 1


async def test_w_pins_the_key_under_the_cursor_which_stays_on_it() -> None:
    async with TreeApp().run_test() as pilot:
        tree = pilot.app.query_one(ContextTree)
        tree.set_state(STATE)
        tree.focus()
        await pilot.press("j", "j", "w")
        assert (tree.key, tree.line(0)[1]) == ("order_id", True)
        tree.set_state(ContextState(sequence=4, context={"amount": 1}))
        assert texts([tree.line(0)[0]])[0].split() == ["▌", "order_id", "‹not", "set›"]
        tree.set_state(STATE)
        await pilot.press("w")
        assert texts([tree.line(0)[0]])[0].split()[0] == "amount"
        assert tree.key == "order_id"


def test_however_deep_a_value_lies_its_key_and_itself_are_seen() -> None:
    path = ("a", *(["k", 0] * 100))
    for width in (24, 47, 120):
        line = context_line(Row(path, "qty", 7), ContextState(), 16, width, False)
        assert line_width(line) == width
        assert "qty" in line_text(line)
        assert "7" in line_text(line)
    assert "level 201 " in line_text(line)
