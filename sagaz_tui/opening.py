"""Opens the screen on a store, or says why it cannot; nothing here imports more than it needs."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.settings import Settings


def obstacle() -> str | None:
    """Return why the screen cannot open here; None: it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "this is no terminal"
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return "this terminal cannot move its cursor (TERM is dumb)"
    return None


def open_screen(
    saga_id: str | None = None,
    *,
    read_only: bool = False,
    ascii_only: bool = False,
    theme: str | None = None,
    storage: str | None = None,
    storage_url: str | None = None,
) -> int:
    """Run the screen as a command line asks; return the exit code.

    In the place of a saga's id the path of an exported file may stand: it is opened to look, on
    its saga if it holds just one with its replays.

    Raises:
        SagazError: what was asked is not possible; the sentence says why.
    """
    from sagaz_tui.settings import load_settings

    is_file = (
        saga_id is not None and storage is None and storage_url is None and os.path.isfile(saga_id)
    )
    if is_file:
        storage_url, saga_id, read_only = saga_id, None, True
    if saga_id is not None:
        from sagaz_core.storage.listing import check_saga_id

        check_saga_id(saga_id)
    settings = load_settings(
        storage=storage, storage_url=storage_url, read_only=read_only, theme=theme
    )
    if is_file:
        saga_id = _only_root(settings)
    return run_screen(settings, saga_id, ascii_only=ascii_only)


def run_screen(settings: Settings, saga_id: str | None = None, *, ascii_only: bool = False) -> int:
    """Run the screen until it is left; return the exit code.

    Raises:
        StorageError: the store cannot be opened; said before the screen takes the terminal.
        SagaNotFoundError: there is no such saga in it.
    """
    # Opening makes hardly any garbage; looking for it all the same takes a twentieth of the start.
    # The app goes back to looking once it has opened.
    gc.disable()
    try:
        store = _checked_store(settings, saga_id)
        from sagaz_tui.app import SagazApp
    except BaseException:
        gc.enable()
        raise
    gc.freeze()
    app = SagazApp(store, settings, saga_id, ascii=True if ascii_only else None)
    app.run()
    return app.return_code or 0


def _checked_store(settings: Settings, saga_id: str | None) -> SnapshotStorage:
    """Return the store, closed, once it has been seen to open and to hold the saga."""
    import asyncio

    from sagaz_tui.stores import open_existing

    store = open_existing(settings, read_only=True)

    async def check() -> None:
        async with store:
            store.require("view")
            if saga_id is not None:
                await store.get_existing_saga(saga_id)

    asyncio.run(check())
    return store


def _only_root(settings: Settings) -> str | None:
    """Return the root of the one family in a store; None: there are others, or none."""
    import asyncio

    from sagaz_tui.stores import open_existing

    async def find() -> str | None:
        async with open_existing(settings, read_only=True) as store:
            page = await store.list_sagas()
        roots = {saga.root_id for saga in page.sagas}
        return roots.pop() if len(roots) == 1 and page.cursor is None else None

    return asyncio.run(find())
