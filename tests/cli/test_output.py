"""Rows are aligned, fit the terminal if there is one, and are never markup."""

from __future__ import annotations

import re
import sys

import pytest

from sagaz_tui.cli.output import emit_facts, emit_rows

ROWS = [("a", "short"), ("日本", "x" * 60)]


def look_like_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


def test_columns_are_aligned_by_the_cells_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    emit_rows(("K", "VALUE"), ROWS, "text")
    assert capsys.readouterr().out.splitlines() == [
        "K     VALUE",
        "a     short",
        "日本  " + "x" * 60,
    ]


def test_on_a_terminal_rows_are_cut_to_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_like_a_narrow_terminal(monkeypatch)
    emit_rows(("K", "VALUE"), ROWS, "text")
    assert capsys.readouterr().out.splitlines()[2] == "日本  " + "x" * 33 + "…"


def test_a_table_on_a_terminal_has_a_frame_and_loses_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_like_a_narrow_terminal(monkeypatch)
    emit_rows(("K", "VALUE"), [("[bold]k[/bold]", "\x1b[31m" + "y" * 60)], "table", title="[x]")
    out = capsys.readouterr().out
    assert "[bold]k[/bold]" in out
    assert "[x]" in out
    assert r"\x1b[31m" in out
    assert out.count("y") == 60
    shown = re.sub(r"\x1b\[[01]m", "", out)
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) == 40


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    emit_facts([("id", "order_1"), ("error", ""), ("started", "now\n")])
    assert capsys.readouterr().out == "id       order_1\nstarted  now\\n\n"
