"""Recorded text never acts on the terminal, and is cut by cells."""

from __future__ import annotations

import time

import pytest
from rich.cells import cell_len

from sagaz_tui.widgets.safe_text import clip, fit, safe_text, wrap


def test_brackets_are_no_markup() -> None:
    assert safe_text("[bold]x[/bold] [link=y]").plain == "[bold]x[/bold] [link=y]"
    assert safe_text("[bold]x[/bold]").spans == []


@pytest.mark.parametrize(
    "evil", ["\x1b[31m", "\x9b31m", "\u202eabc", "\x07", "\u200b", "\x7f", "\u3164", "\ufe0f"]
)
def test_control_characters_are_seen_and_do_nothing(evil: str) -> None:
    shown = safe_text(evil).plain
    assert shown.isprintable()
    assert shown.startswith("\\")
    assert clip(evil, 40).isprintable()


def test_a_text_that_fits_is_left_alone() -> None:
    assert clip("short", 5) == "short"


def test_a_text_that_does_not_fit_ends_in_an_ellipsis() -> None:
    assert clip("payment_token", 8) == "payment…"


@pytest.mark.parametrize("cells", range(1, 12))
@pytest.mark.parametrize(
    "text", ["日本語テスト", "a\u0301" * 30, "🇩🇪🇩🇪🇩🇪🇩🇪🇩🇪🇩🇪", "\x1b[0m" * 9, "plain words here"]
)
def test_no_cut_is_wider_than_its_room(text: str, cells: int) -> None:
    assert cell_len(clip(text, cells)) <= cells
    assert cell_len(fit(text, cells)) == cells


def test_there_may_be_no_room_at_all() -> None:
    assert clip("text", 0) == ""
    assert clip("text", -3) == ""


def test_of_a_huge_text_only_the_beginning_is_looked_at() -> None:
    huge = "\x1b" * 10_000_000
    began = time.perf_counter()
    for _ in range(100):
        clip(huge, 80)
    assert time.perf_counter() - began < 0.5


def test_a_sentence_is_broken_between_words() -> None:
    assert wrap("no parcels to the islands today", 12, 4) == [
        "no parcels",
        "to the",
        "islands",
        "today",
    ]
    assert wrap("no parcels to the islands today", 12, 2) == ["no parcels", "to the isla…"]
    assert wrap("short", 12, 4) == ["short"]


@pytest.mark.parametrize("cells", range(2, 15))
@pytest.mark.parametrize("text", ["日本語 テスト" * 9, "x" * 99, "a b c " * 20, "\x1b[0m" * 9, ""])
def test_no_line_of_a_wrapped_text_is_wider_than_its_room(text: str, cells: int) -> None:
    lines = wrap(text, cells, 5)
    assert len(lines) <= 5
    assert all(cell_len(line) <= cells for line in lines)
