"""``sagaz lineage``: a saga and all its replays as a tree."""

from __future__ import annotations

from sagaz_tui.cli.options import FormatOption, SagaIdArgument, StorageOption, StorageUrlOption


def show_lineage(
    saga_id: SagaIdArgument,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Draw the family of a saga: what grew from where, with what, by whom and why."""
    from sagaz_core.history.lineage import lineage
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look
    from sagaz_tui.cli.trees import lineage_data, lineage_rows, print_lineage

    family = look(storage, storage_url, lambda store: lineage(saga_id, store))
    if format == "json":
        emit_json(lineage_data(family))
    elif format == "table":
        emit_rows(*lineage_rows(family), format)
    else:
        print_lineage(family)
