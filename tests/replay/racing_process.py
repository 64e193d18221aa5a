"""A process that carries out commands of the program, each at the moment that it is told.

It writes ``"ready"``; then, for each line of JSON on its standard input,
``{"at": MONOTONIC, "command": [...]}``, one of its own:
``{"code": EXIT CODE, "out": STDOUT, "err": STDERR}``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import time
from functools import cache
from typing import Any

import typer.main

from sagaz_tui.__main__ import run


def main() -> None:
    importlib.import_module("sagaz_tui.cli.replaying")
    # Making the command line anew for each would set the two apart.
    typer.main.get_command = cache(typer.main.get_command)
    say("ready")
    for line in sys.stdin:
        task = json.loads(line)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            while time.monotonic() < task["at"]:
                pass
            code = run(task["command"])
        say({"code": code, "out": out.getvalue(), "err": err.getvalue()})


def say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
