"""``sagaz doctor``: what is wrong with a store, or may go wrong, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption


def examine(
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every checkpoint of every saga.")
    ] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Tell what is wrong with a store and what to do about it.

    It changes nothing. The exit code is 0 if nothing is wrong, warnings or not, 1 if something
    is, 4 if the store cannot be opened.

    For example: sagaz doctor --deep --storage-url orders.db
    """
    from sagaz_core.storage.examining import examine_store
    from sagaz_tui.cli.bar import progress_bar
    from sagaz_tui.cli.exits import FAILED
    from sagaz_tui.cli.output import emit, emit_json, emit_rows
    from sagaz_tui.cli.stores import look

    with progress_bar("looking at sagas") as draw:
        findings = look(
            storage, storage_url, lambda store: examine_store(store, deep=deep, progress=draw)
        )
    if format == "json":
        emit_json([finding._asdict() for finding in findings])
    elif format == "table":
        emit_rows(("", "FOUND", "WHAT TO DO"), findings, format)
    else:
        for level, what, advice in findings:
            emit(f"{level:<8} {what}")
            if advice:
                emit(f"{'':<8} → {advice}")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(FAILED)
