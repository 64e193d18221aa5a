"""``sagaz prune``: remove what has been kept for as long as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.storage.pruning import PruneReport


def prune_store(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would go, and remove nothing.")
    ] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Remove sagas whose retention has ended, and leftovers.

    Leftovers are expired lines of the replay log, and what belongs to no saga any more. A saga
    whose family is held, or in which a run is alive, is kept. It asks nothing, so that a timer can
    run it.

    For example: sagaz prune --dry-run --storage-url orders.db
    """
    from sagaz_tui.cli.output import emit_facts, emit_json
    from sagaz_tui.cli.stores import change, look

    report: PruneReport
    if dry_run:
        report = look(storage, storage_url, lambda store: store.prune(dry_run=True))
    else:
        report = change(storage, storage_url, lambda store: store.prune())
    if format == "json":
        emit_json(
            {
                "dry_run": report.dry_run,
                "sagas": report.sagas,
                "checkpoints": report.checkpoints,
                "leftovers": report.leftovers,
            }
        )
        return
    emit_facts(
        [
            ("would remove" if dry_run else "removed", f"{report.sagas} expired sagas"),
            ("with", f"{report.checkpoints} checkpoints"),
            ("and", f"{report.leftovers} leftovers"),
        ]
    )
