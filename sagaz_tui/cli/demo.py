"""``sagaz demo``: a recorded shop to try everything on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def run_demo(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Record here; by default a scratch folder."),
    ] = None,
    record_only: Annotated[
        bool, typer.Option("--record-only", help="Record, print the folder, and end.")
    ] = False,
) -> None:
    """Record a shop's sagas and open the screen on them, or without a terminal walk through."""
    from sagaz_tui.cli.exits import FAILED, say
    from sagaz_tui.demo.record import prepare_folder, record_demo

    folder = prepare_folder(directory)
    say(f"recording a few hundred sagas into {folder}")
    record_demo(folder)
    if record_only:
        typer.echo(str(folder))
        return
    with _at_home_in(folder):
        succeeded = _show()
    say(f"the demo stays in {folder}: go there and type `sagaz`, or remove the folder")
    if not succeeded:
        raise typer.Exit(FAILED)


def _show() -> bool:
    from sagaz_tui.__main__ import run
    from sagaz_tui.demo.walk import walk
    from sagaz_tui.opening import obstacle, run_screen
    from sagaz_tui.settings import load_settings

    if obstacle():
        sys.stdout.flush()
        return walk(run)
    return run_screen(load_settings()) == 0


@contextlib.contextmanager
def _at_home_in(folder: Path) -> Iterator[None]:
    """Stand in the demo's folder, where its settings and nobody else's apply."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SAGAZ_")}
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environ.update(kept)
