"""The program: ``sagaz``, ``sagaz-tui`` and ``python -m sagaz_tui`` all start here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

_SCREEN_ALONE: Final[tuple[list[str], ...]] = ([], ["tui"])


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; only a bug gets past as an exception."""
    from sagaz_core.errors import SagazError

    try:
        return _open_at_once() if _wants_screen(arguments) else _obey(arguments)
    except SagazError as error:
        from sagaz_tui.cli.exits import exit_code, say

        say(str(error))
        return exit_code(error)


def _wants_screen(arguments: Sequence[str]) -> bool:
    """Whether nothing is asked for but the screen, and there is a terminal to show it."""
    from sagaz_tui.opening import obstacle

    return list(arguments) in _SCREEN_ALONE and obstacle() is None


def _open_at_once() -> int:
    """Open the screen without reading a command line: that alone takes a quarter of the start."""
    from sagaz_tui.opening import run_screen
    from sagaz_tui.settings import load_settings

    return run_screen(load_settings())


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
