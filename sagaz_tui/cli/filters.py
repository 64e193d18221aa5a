"""Which sagas a command is about: the filters that several commands share, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

_STATUSES: Final = ("executing", "compensating", "completed", "failed", "interrupted")

StatusOption = Annotated[
    str | None, typer.Option("--status", help=f"Only these: {', '.join(_STATUSES)}.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Only of this class; * stands for anything.")
]
PrefixOption = Annotated[
    str | None, typer.Option("--prefix", help="Only ids that begin like this.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only changed since: 2h, or a time.")
]
TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="NAME=VALUE", help="Only with this tag. May be repeated."),
]
FailedStepOption = Annotated[
    str | None, typer.Option("--failed-step", metavar="STEP", help="Only failed at this step.")
]
ErrorOption = Annotated[
    str | None, typer.Option("--error", metavar="TEXT", help="Only with this text in the error.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Only not changed since: 2h, or a time.")
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPRESSION",
        help="Only where this is true of the latest checkpoint; reads each one that is left.",
    ),
]
KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="K=V",
        help="Only with this value in the context: k=text or k:=JSON. May be repeated.",
    ),
]


def saga_filters(
    *,
    status: str | None,
    name: str | None,
    prefix: str | None,
    since: str | None,
    tag: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the options' values as arguments of ``SnapshotStorage.list_sagas``.

    Raises:
        UsageError: one of them is not what it must be.
    """
    from sagaz_core.errors import UsageError
    from sagaz_tui.cli.times import parse_optional_time

    if status is not None and status not in _STATUSES:
        raise UsageError(f"--status {status!r} is none; use {', '.join(_STATUSES)}")
    return {
        "status": status,
        "name": name,
        "prefix": prefix,
        "since": parse_optional_time(since, "--since"),
        "tags": parse_tags(tag or ()),
    }


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Return tags, each written as ``NAME=VALUE``; raises UsageError for what is none."""
    from sagaz_core.errors import UsageError

    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--tag {text!r} is no tag; write it as --tag order_id=8841")
        if name in tags:
            raise UsageError(f"--tag {name} is there twice, and a saga has one value of it")
        tags[name] = value
    return tags
