"""``sagaz diff`` and ``sagaz blame``: what changed, and who changed it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from sagaz_tui.cli.options import (
    FormatOption,
    RevealOption,
    SagaIdArgument,
    StorageOption,
    StorageUrlOption,
)

_HELP = "Number of a checkpoint: 3 or #3."


def show_diff(
    saga_id: SagaIdArgument,
    a: Annotated[str, typer.Argument(metavar="A", help=_HELP)],
    b: Annotated[str, typer.Argument(metavar="B", help=_HELP)],
    reveal: RevealOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show what differs between two checkpoints of a saga."""
    from sagaz_core.history.diff import diff_checkpoints
    from sagaz_tui.cli.changes import difference_data, difference_line, difference_rows
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit, emit_json, emit_rows
    from sagaz_tui.cli.stores import look_revealing

    first, second = _sequence(a), _sequence(b)
    differences = look_revealing(
        storage,
        storage_url,
        saga_id,
        reveal or (),
        lambda store: diff_checkpoints(store, saga_id, first, second),
    )
    if format == "json":
        emit_json([difference_data(difference) for difference in differences])
    elif not differences:
        say(f"#{first} and #{second} hold the same")
    elif format == "table":
        emit_rows(*difference_rows(differences), format)
    else:
        for difference in differences:
            emit(difference_line(difference))


def _sequence(text: str) -> int:
    from sagaz_core.errors import UsageError

    if not re.fullmatch(r"#?[0-9]{1,12}", text):
        raise UsageError(f"{text!r} is no checkpoint's number; `sagaz show` lists them")
    return int(text.removeprefix("#"))


def show_blame(
    saga_id: SagaIdArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A key of the context.")],
    reveal: RevealOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show every value a key ever had and who set it, the newest first."""
    from sagaz_core.errors import NotFoundError
    from sagaz_core.history.blame import blame
    from sagaz_tui.cli.changes import blame_data, blame_rows
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look_revealing

    entries = look_revealing(
        storage, storage_url, saga_id, reveal or (), lambda store: blame(store, saga_id, key)
    )
    if not entries:
        raise NotFoundError(
            f"saga {saga_id!r} never had a key {key!r}; `sagaz show` lists the keys it has"
        )
    if format == "json":
        emit_json([blame_data(entry) for entry in entries])
    else:
        emit_rows(*blame_rows(entries), format)
