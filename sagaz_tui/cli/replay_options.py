"""The options by which a person says how sagas are to run again, each written once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="K=V",
        help="Set a value: k=text, k:=JSON, k=@FILE or /pointer:=JSON. May be repeated.",
    ),
]
OverridesOption = Annotated[
    str | None,
    typer.Option(
        "--overrides",
        metavar="FILE",
        help="A JSON object of values to set, from a file or from stdin (-).",
    ),
]
UnsetOption = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="K", help="Remove a key or /pointer. May be repeated."),
]
AllowTypeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-type", metavar="POINTER", help="Allow another type here. May be repeated."
    ),
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", help="Why; kept on record. A production store asks for it."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")
]
SimulateOption = Annotated[
    bool,
    typer.Option(
        "--simulate", help="Rehearse: walk the steps without their effects, and write nothing."
    ),
]
CompensatedOption = Annotated[
    Literal["redo", "keep", "refuse"],
    typer.Option("--compensated", help="Steps undone since: run again, keep in name, refuse."),
]
InDoubtOption = Annotated[
    Literal["retry", "skip"] | None,
    typer.Option("--in-doubt", help="Steps whose effect is uncertain: run or skip them."),
]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Replay also what a replay has recovered already.")
]
FactoryOption = Annotated[
    str | None, typer.Option("--factory", metavar="MODULE:NAME", help="What builds a saga.")
]
