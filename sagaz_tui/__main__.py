"""The program: ``sagaz``, ``sagaz-tui`` and ``python -m sagaz_tui`` all start here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sagaz_tui.cli.exits import exit_code, say
from sagaz_tui.cli.program import app


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; only a bug gets past as an exception."""
    from sagaz_core.errors import SagazError

    try:
        app(args=list(arguments), prog_name="sagaz")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SagazError as error:
        say(str(error))
        return exit_code(error)
    return 0


def main() -> None:
    """Run the command that the process was started with."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
