"""``sagaz export`` and ``sagaz import``: a family in one file, and out of it again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagaz_tui.cli.options import FormatOption, SagaIdArgument, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.storage.copying import CopyReport
    from sagaz_core.storage.storage import SnapshotStorage


def export_saga(
    saga_id: SagaIdArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ],
    unmasked: Annotated[
        bool,
        typer.Option("--unmasked", help="Write secrets as they are; that is put on record."),
    ] = False,
    pytest: Annotated[
        bool,
        typer.Option("--pytest", help="Write a regression test instead, to be run by pytest."),
    ] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Write a saga, its replays and their log to one file, its secrets masked.

    The file is a store: `sagaz tui FILE` opens it, `sagaz import FILE` puts what is in it into
    another. With --pytest it is a test that gives the saga's code the recorded context and
    replays the step that failed. Only you can read the file.

    For example: sagaz export order_8841 -o order_8841.sagaz
    """
    from sagaz_core.storage.bundle import export_family
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.stores import change, look

    if pytest:
        from sagaz_tui.cli.regression_test import write_test

        if unmasked:
            from sagaz_core.errors import UsageError

            raise UsageError("a test keeps no secrets: --pytest and --unmasked exclude each other")
        look(storage, storage_url, lambda store: write_test(store, saga_id, output))
        say(f"wrote {output}; run `pytest {output}`")
        return

    async def export(store: SnapshotStorage) -> CopyReport:
        from sagaz_core.process import process_owner

        by = process_owner() if unmasked else None
        return await export_family(store, saga_id, output, unmasked_by=by)

    report = (change if unmasked else look)(storage, storage_url, export)
    _tell("exported", report, format)
    if report.running:
        say(f"{report.running[0]} goes on; it is in the file as far as it was")
    for conflict in report.conflicts:
        say(f"{conflict.saga_id} is in the file only as far as it can be: {conflict.reason}")
    if report.conflicts:
        raise typer.Exit(1)


def import_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that export has written.")],
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Put the sagas of an exported file into the store; what it has already is left as it is.

    A store that is not there yet is made.

    For example: sagaz import order_8841.sagaz --storage-url orders.db
    """
    import asyncio

    from sagaz_core.errors import StorageUnavailableError
    from sagaz_core.storage.copying import copy_sagas
    from sagaz_core.storage.url import open_storage
    from sagaz_tui.cli.exits import say
    from sagaz_tui.settings import load_settings
    from sagaz_tui.store_address import file_url
    from sagaz_tui.stores import open_existing

    if not os.path.isfile(file):
        raise StorageUnavailableError(f"{str(file)!r} is no file; name one that export has written")

    if os.name == "posix" and file.stat().st_mode & 0o077:
        say(f"others can read {str(file)!r}; run `chmod 600` on it, or remove it")
    settings = load_settings(storage=storage, storage_url=storage_url)

    async def read() -> CopyReport:
        # The file first: for one that is none no store is made.
        async with (
            open_storage(file_url(file), read_only=True) as bundle,
            open_existing(settings, read_only=False) as store,
        ):
            return await copy_sagas(bundle, store)

    report = asyncio.run(read())
    _tell("imported", report, format)
    if report.holds:
        say("its family is held here now, as it was there; `sagaz hold` tells why")
    for conflict in report.conflicts:
        say(f"{conflict.saga_id} was left as it is: {conflict.reason}")
    if report.conflicts:
        raise typer.Exit(1)


def _tell(what: str, report: CopyReport, format: str) -> None:
    from sagaz_tui.cli.output import emit_facts, emit_json

    if format == "json":
        emit_json(
            {
                "sagas": report.sagas,
                "checkpoints": report.checkpoints,
                "documents": report.documents,
                "running": list(report.running),
                "conflicts": [each.saga_id for each in report.conflicts],
            }
        )
        return
    emit_facts(
        [
            (what, f"{report.sagas} sagas"),
            ("with", f"{report.checkpoints} checkpoints"),
            ("and", f"{report.documents} lines of the replay log"),
        ]
    )
