"""``sagaz tui``: the screen, where there is a terminal to show it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sagaz_tui.cli.options import OptionalSagaIdArgument, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_tui.settings import Settings


def open_screen(
    saga_id: OptionalSagaIdArgument = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse everything that would write or act.")
    ] = False,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters only.")
    ] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
) -> None:
    """Open the screen: the saga list, or one saga's debugger."""
    from sagaz_core.errors import UsageError
    from sagaz_tui.settings import load_settings

    if reason := obstacle():
        instead = f"sagaz show {saga_id}" if saga_id else "sagaz sagas"
        raise UsageError(f"{reason}, so the screen cannot open; `{instead}` shows it as text")
    settings = load_settings(storage=storage, storage_url=storage_url, read_only=read_only)
    run_screen(settings, saga_id, ascii_only=ascii_only)


def obstacle() -> str | None:
    """Return why the screen cannot open here; None: it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "this is no terminal"
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return "this terminal cannot move its cursor (TERM is dumb)"
    return None


def run_screen(settings: Settings, saga_id: str | None = None, *, ascii_only: bool = False) -> None:
    """Run the screen until it is left.

    Raises:
        StorageError: the store cannot be opened; said before the screen takes the terminal.
        SagaNotFoundError: there is no such saga in it.
    """
    import asyncio

    from sagaz_core.errors import SagaNotFoundError
    from sagaz_tui.cli.stores import open_existing

    store = open_existing(settings, read_only=True)

    async def check() -> None:
        async with store:
            if saga_id is not None and await store.get_saga(saga_id) is None:
                raise SagaNotFoundError(saga_id)

    asyncio.run(check())

    from sagaz_tui.app import SagazApp

    app = SagazApp(store, settings, saga_id, ascii=True if ascii_only else None)
    app.run()
    if app.return_code:
        raise typer.Exit(app.return_code)
