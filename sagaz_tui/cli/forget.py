"""``sagaz forget``: erase a saga's whole family without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption, checked_id

if TYPE_CHECKING:
    from sagaz_core.storage.forgetting import ForgetReport
    from sagaz_core.storage.storage import SnapshotStorage

PATIENCE: Final = 3600.0
"""Seconds for which a server is waited for; each command has it write its files anew."""
_NAMED: Final = 10
"""Families that are named before it only counts."""
_UNTOLD: Final = 2.0
_WAITING: Final = "waiting until the server has written its files anew; Ctrl-C leaves it pending"


def forget_sagas(
    saga_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A saga of the family.", callback=checked_id),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="NAME=VALUE", help="All families with a saga so tagged."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Erase families: their keys, checkpoints, logs and journals. It cannot be undone.

    What is left is a tombstone: the id of the root saga, when it was erased and by whom. It says
    "done" once no byte of it is in the store's files, which a Redis server rewrites meanwhile,
    and "pending" if somebody still reads an older state of it: say it again then. A backup, a
    replica and another copy of the store are not reached from here.

    For example: sagaz forget --tag customer=42
    """
    import asyncio
    import shlex

    from sagaz_core.process import process_owner
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_facts, emit_json
    from sagaz_tui.cli.stores import change

    _check(saga_id, tag)

    async def find(store: SnapshotStorage) -> list[str]:
        return [saga_id] if saga_id is not None else await _tagged(store, tag or [])

    async def erase(store: SnapshotStorage) -> ForgetReport | None:
        found = await find(store)
        if not found or not (yes or _confirmed(found)):
            return None
        notice = asyncio.get_running_loop().call_later(_UNTOLD, say, _WAITING)
        try:
            return await store.forget(found, by=process_owner(), patience=PATIENCE)
        finally:
            notice.cancel()

    report = change(storage, storage_url, erase)
    if report is None:
        say("nothing was forgotten")
        raise typer.Exit(1)
    state = "done" if report.done else "pending"
    if format == "json":
        emit_json(
            {
                "state": state,
                "families": list(report.families),
                "sagas": report.sagas,
                "checkpoints": report.checkpoints,
            }
        )
    else:
        emit_facts(
            [
                ("forgotten", _families(len(report.families))),
                ("with", f"{report.sagas} sagas, {report.checkpoints} checkpoints"),
                ("state", state),
            ]
        )
    if not report.done:
        say(
            "bytes of it may still be in the store's files; in a moment say "
            f"`sagaz forget {shlex.quote(report.families[0])} --yes`"
        )
        raise typer.Exit(1)


def _check(saga_id: str | None, tag: list[str] | None) -> None:
    from sagaz_core.errors import UsageError

    if (saga_id is None) == (not tag):
        raise UsageError("name a saga, or families by --tag name=value; one of the two")


async def _tagged(store: SnapshotStorage, tag: list[str]) -> list[str]:
    """Return the root sagas of all families in which a saga has the tags."""
    from sagaz_tui.cli.filters import parse_tags

    tags = parse_tags(tag)
    roots: dict[str, None] = {}
    cursor: str | None = None
    while True:
        page = await store.list_sagas(tags=tags, cursor=cursor, limit=500)
        roots |= {saga.root_id: None for saga in page.sagas}
        cursor = page.cursor
        if cursor is None:
            return list(roots)


def _confirmed(sagas: list[str]) -> bool:
    import sys

    from sagaz_tui.showing.text import visible

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        # Nobody to ask: whoever wrote the script has named what it erases.
        return True
    named = ", ".join(visible(each) for each in sagas[:_NAMED])
    more = f" and {len(sagas) - _NAMED} more" if len(sagas) > _NAMED else ""
    return typer.confirm(
        f"erase {_families(len(sagas))} for ever, with all replays: {named}{more}?", err=True
    )


def _families(count: int) -> str:
    return "1 family" if count == 1 else f"{count} families"
