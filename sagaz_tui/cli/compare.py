"""``sagaz compare``: two runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption, checked_id


def show_comparison(
    a: Annotated[str, typer.Argument(metavar="A", help="A saga's id.", callback=checked_id)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another's.", callback=checked_id)],
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Compare two runs step by step: outcome, attempts, time, error, context.

    A saga and its replay, two replays, or two sagas that have nothing to do with each other.
    """
    from sagaz_core.history.compare import compare
    from sagaz_tui.cli.comparisons import comparison_data, print_comparison
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look

    found = look(storage, storage_url, lambda store: compare(store, a, b))
    if format == "json":
        emit_json(comparison_data(found))
        return
    print_comparison(found, format)
    if found.same:
        say("nothing but times differs")
