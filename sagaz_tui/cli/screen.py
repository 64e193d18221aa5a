"""``sagaz tui``: the screen, where there is a terminal to show it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sagaz_tui.cli.options import OptionalSagaIdArgument, StorageOption, StorageUrlOption


def open_screen(
    saga_id: OptionalSagaIdArgument = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse everything that would write or act.")
    ] = False,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters only.")
    ] = False,
    theme: Annotated[
        str | None, typer.Option("--theme", help="Colours: dark, light, contrast or ansi.")
    ] = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
) -> None:
    """Open the screen: the saga list, or one saga's debugger."""
    from sagaz_core.errors import UsageError
    from sagaz_tui import opening

    if reason := opening.obstacle():
        instead = f"sagaz show {saga_id}" if saga_id else "sagaz sagas"
        if saga_id and os.path.isfile(saga_id):
            instead = f"sagaz sagas --storage-url {saga_id}"
        raise UsageError(f"{reason}, so the screen cannot open; `{instead}` shows it as text")
    code = opening.open_screen(
        saga_id,
        read_only=read_only,
        ascii_only=ascii_only,
        theme=theme,
        storage=storage,
        storage_url=storage_url,
    )
    if code:
        raise typer.Exit(code)
