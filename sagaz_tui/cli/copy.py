"""``sagaz copy``: sagas from one store into another."""

from __future__ import annotations

from typing import Annotated

import typer

from sagaz_tui.cli.filters import (
    NameOption,
    PrefixOption,
    SinceOption,
    StatusOption,
    TagOption,
    saga_filters,
)
from sagaz_tui.cli.options import FormatOption


def copy_store(
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="The store to copy; it is only read.")
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="Where to; it is made if it is not there.")
    ],
    status: StatusOption = None,
    name: NameOption = None,
    prefix: PrefixOption = None,
    since: SinceOption = None,
    tag: TagOption = None,
    format: FormatOption = "text",
) -> None:
    """Copy sagas into another store and read every checkpoint back.

    Families are copied whole. It may be repeated and interrupted: only what is missing is
    copied, and nothing is overwritten. A saga that is something else at the target is told, and
    the exit code is 1.

    For example: sagaz copy --from orders.db --to redis://127.0.0.1/0 --status failed
    """
    from sagaz_tui.cli.copying import carry_out, tell
    from sagaz_tui.cli.exits import FAILED

    filters = saga_filters(status=status, name=name, prefix=prefix, since=since, tag=tag)
    report = carry_out(source, target, filters)
    tell(report, format)
    if not report.complete:
        raise typer.Exit(FAILED)
