"""The screen opens without the library of the command line, and as that would open it."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.errors import InvalidSagaIdError
from sagaz_tui import opening
from sagaz_tui.__main__ import run
from sagaz_tui.cli.program import app
from sagaz_tui.screen_arguments import screen_arguments


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """With what the screen was opened."""
    found: list[Any] = []

    def noted(*arguments: Any, **options: Any) -> int:
        found.append((arguments, options))
        return 0

    monkeypatch.setattr(opening, "obstacle", lambda: None)
    monkeypatch.setattr(opening, "run_screen", noted)
    return found


@pytest.mark.parametrize(
    "line",
    [
        "tui",
        "tui order_1",
        "tui order_1 --read-only --ascii",
        "tui --theme light --storage-url sqlite:///other.db order_1",
        "tui --storage-url=redis://shop/0?key_prefix=a",
        "tui --storage redis",
    ],
)
def test_a_plain_line_opens_the_same_screen_either_way(opened: list[Any], line: str) -> None:
    assert run(line.split()) == 0
    assert app(args=line.split(), standalone_mode=False) in (0, None)
    assert opened[0] == opened[1]


def test_with_nothing_asked_the_list_opens(opened: list[Any]) -> None:
    assert run([]) == 0
    ((arguments, _),) = opened
    assert arguments[1] is None


@pytest.mark.parametrize(
    "line",
    [
        "sagas",
        "tui --help",
        "tui -h",
        "tui a b",
        "tui --theme",
        "tui --theme --ascii",
        "tui --read-only=yes",
        "tui -- --ascii",
        "--ascii tui",
    ],
)
def test_what_is_not_plain_is_left_to_the_library(line: str) -> None:
    assert screen_arguments(line.split()) is None


def test_what_cannot_be_an_id_is_refused(opened: list[Any]) -> None:
    assert run(["tui", "a\nb"]) == 2
    with pytest.raises(InvalidSagaIdError):
        opening.open_screen("a\nb")
    assert opened == []
