"""The options that many commands share, each written once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def checked_id(saga_id: str | None) -> str | None:
    """Return a saga's id as it was given; raises InvalidSagaIdError if it cannot be one."""
    if saga_id is None:
        return None
    from sagaz_core.storage.listing import check_saga_id

    return check_saga_id(saga_id)


Format = Literal["text", "table", "json"]

StorageOption = Annotated[
    str | None,
    typer.Option("--storage", metavar="KIND", help="sqlite or redis; --storage-url says it too."),
]
StorageUrlOption = Annotated[
    str | None,
    typer.Option(
        "--storage-url",
        metavar="URL",
        help="The store: sqlite:///PATH, or the path of an SQLite file.",
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="Lines of text, a table, or JSON on stdout.")
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="K[=VAR]",
        help="Set a secret: you are asked for it, or it is in this variable of the environment.",
    ),
]
RevealOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reveal", metavar="PATH", help="Show this secret as it is; that is put on record."
    ),
]
SagaIdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The saga's id.", callback=checked_id)
]
OptionalSagaIdArgument = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="A saga to debug, or a file that export has written."),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
