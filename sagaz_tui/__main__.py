"""The program: ``sagaz``, ``sagaz-tui`` and ``python -m sagaz_tui`` all start here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; only a bug gets past as an exception."""
    from sagaz_core.errors import SagazError

    try:
        asked = _asked_of_screen(arguments)
        return _obey(arguments) if asked is None else _open_at_once(asked)
    except SagazError as error:
        from sagaz_tui.cli.exits import exit_code, say

        say(str(error))
        return exit_code(error)


def _asked_of_screen(arguments: Sequence[str]) -> dict[str, Any] | None:
    """What is asked of the screen, if that is all and there is a terminal to show it."""
    from sagaz_tui.opening import obstacle
    from sagaz_tui.screen_arguments import screen_arguments

    return screen_arguments(arguments) if obstacle() is None else None


def _open_at_once(asked: dict[str, Any]) -> int:
    from sagaz_tui.opening import open_screen

    return open_screen(**asked)


def _obey(arguments: Sequence[str]) -> int:
    from sagaz_tui.cli.program import app

    try:
        app(args=list(arguments), prog_name="sagaz")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
