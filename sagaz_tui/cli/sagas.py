"""``sagaz sagas`` and ``sagaz show``: the list, and everything about one."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from sagaz_tui.cli.filters import (
    NameOption,
    PrefixOption,
    SinceOption,
    StatusOption,
    TagOption,
    WhereOption,
    saga_filters,
)
from sagaz_tui.cli.options import (
    FormatOption,
    LimitOption,
    RevealOption,
    SagaIdArgument,
    StorageOption,
    StorageUrlOption,
)

if TYPE_CHECKING:
    from sagaz_core.history.search import SagaFilter
    from sagaz_core.model import SagaSummary
    from sagaz_core.storage.storage import SnapshotStorage


def list_sagas(
    status: StatusOption = None,
    name: NameOption = None,
    prefix: PrefixOption = None,
    since: SinceOption = None,
    tag: TagOption = None,
    where: WhereOption = None,
    limit: LimitOption = 100,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List sagas, the newest change first.

    For example: sagaz sagas --status failed --since 2h --tag order_id=8841
    """
    from sagaz_tui.cli.describe import saga_data, saga_rows
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.search import say_doubts
    from sagaz_tui.cli.stores import look

    wanted = saga_filters(status=status, name=name, prefix=prefix, since=since, tag=tag)
    examined: SagaFilter | None = None
    if where is None:
        found, more = look(storage, storage_url, lambda store: _first(store, wanted, limit))
    else:
        found, more, examined = look(
            storage, storage_url, lambda store: _first_where(store, where, wanted, limit)
        )
    if format == "json":
        emit_json([saga_data(saga) for saga in found])
    elif found:
        emit_rows(*saga_rows(found), format)
    else:
        say("no sagas match")
    if more:
        say(f"more than {limit} sagas match; --limit shows more")
    if examined is not None:
        say(f"read the latest checkpoint of {examined.examined} sagas")
        say_doubts(examined.doubts)


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


async def _first_where(
    store: SnapshotStorage, where: str, wanted: dict[str, Any], limit: int
) -> tuple[list[SagaSummary], bool, SagaFilter]:
    """Return the same of the sagas of which an expression is true, and what that took."""
    from sagaz_core.history.search import SagaFilter, filter_sagas

    examined = SagaFilter()
    found: list[SagaSummary] = []
    async with aclosing(filter_sagas(store, where, examined, **wanted)) as matching:
        async for saga in matching:
            found.append(saga)
            if len(found) > limit:
                break
    return found[:limit], len(found) > limit, examined


def show_saga(
    saga_id: SagaIdArgument,
    reveal: RevealOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show one saga: how it ended, its checkpoints, its context, its replays."""
    from sagaz_tui.cli.describe import load_story, print_story, story_data
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look_revealing

    story = look_revealing(
        storage, storage_url, saga_id, reveal or (), lambda store: load_story(store, saga_id)
    )
    if format == "json":
        emit_json(story_data(story))
    else:
        print_story(story, format)
