"""``sagaz sagas`` and ``sagaz show``: the list, and everything about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagaz_tui.cli.options import (
    FormatOption,
    LimitOption,
    SagaIdArgument,
    StorageOption,
    StorageUrlOption,
)

if TYPE_CHECKING:
    from sagaz_core.model import SagaSummary
    from sagaz_core.storage.storage import SnapshotStorage

_STATUSES = ("executing", "compensating", "completed", "failed", "interrupted")


def list_sagas(
    status: Annotated[
        str | None, typer.Option("--status", help=f"Only these: {', '.join(_STATUSES)}.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Only of this class; * stands for anything.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Only ids that begin like this.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only changed since: 2h, or a time.")
    ] = None,
    limit: LimitOption = 100,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List sagas, the newest change first."""
    from sagaz_core.errors import UsageError
    from sagaz_tui.cli.describe import saga_data, saga_rows
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look
    from sagaz_tui.cli.times import parse_optional_time

    if status is not None and status not in _STATUSES:
        raise UsageError(f"--status {status!r} is none; use {', '.join(_STATUSES)}")
    wanted: dict[str, Any] = {
        "status": status,
        "name": name,
        "prefix": prefix,
        "since": parse_optional_time(since, "--since"),
    }
    found, more = look(storage, storage_url, lambda store: _first(store, wanted, limit))
    if format == "json":
        emit_json([saga_data(saga) for saga in found])
    elif found:
        emit_rows(*saga_rows(found), format)
    else:
        say("no sagas match")
    if more:
        say(f"more than {limit} sagas match; --limit shows more")


async def _first(
    store: SnapshotStorage, wanted: dict[str, Any], limit: int
) -> tuple[list[SagaSummary], bool]:
    """Return the first ``limit`` sagas, and whether there are more."""
    found: list[SagaSummary] = []
    cursor: str | None = None
    while len(found) <= limit:
        page = await store.list_sagas(
            **wanted, cursor=cursor, limit=min(limit + 1 - len(found), 1000)
        )
        found += page.sagas
        cursor = page.cursor
        if cursor is None:
            break
    return found[:limit], len(found) > limit


def show_saga(
    saga_id: SagaIdArgument,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show one saga: how it ended, its checkpoints, its context, its replays."""
    from sagaz_tui.cli.describe import load_story, print_story, story_data
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look

    story = look(storage, storage_url, lambda store: load_story(store, saga_id))
    if format == "json":
        emit_json(story_data(story))
    else:
        print_story(story, format)
