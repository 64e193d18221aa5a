"""``sagaz audit``: all replays of a store or of a family, and what else there is of evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from sagaz_tui.cli import audit_events, audit_report, audit_verify
from sagaz_tui.cli.options import StorageOption, StorageUrlOption, checked_id

if TYPE_CHECKING:
    from sagaz_core.history.audit import AuditEntry
    from sagaz_core.storage.storage import SnapshotStorage

AuditFormat = Literal["text", "table", "jsonl", "csv"]

_LISTING = "replays"


class _Audit(TyperGroup):
    """Takes what is no command of the group for what its listing is asked for."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help", "-h"):
            args = [_LISTING, *args]
        return super().parse_args(context, args)


group = typer.Typer(
    cls=_Audit,
    help="Who replayed what, and whether what the store tells was altered.\n\nWithout a command "
    "it lists the replays: `sagaz audit ID` is `sagaz audit replays ID`.",
    rich_markup_mode=None,
)
group.command("verify")(audit_verify.verify_store)
group.command("events")(audit_events.list_events)
group.command("report")(audit_report.report_saga)


@group.command(_LISTING)
def show_audit(
    saga_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="Only the family of this saga; else all.", callback=checked_id
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only started since: 2h, or a time."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only started until then.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Only asked for by whom this names.")
    ] = None,
    outcome: Annotated[
        Literal["success", "failed", "running", "interrupted"] | None,
        typer.Option("--outcome", help="Only those that stand like this."),
    ] = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: Annotated[
        AuditFormat,
        typer.Option("--format", help="Text, a table, or a line each in JSON or CSV."),
    ] = "text",
) -> None:
    """List all replays: who, when, why, what was changed, by which plan, and what came of it.

    The latest comes first. Of a replay whose process is gone it says so, and how to go on.

    For example: sagaz audit --since 2026-01-01T00:00:00Z --format csv > replays.csv
    """
    from sagaz_core.history.audit import audit
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.stores import look
    from sagaz_tui.cli.times import parse_optional_time

    first, last = parse_optional_time(since, "--since"), parse_optional_time(until, "--until")

    async def tell(store: SnapshotStorage) -> bool:
        await _say_held(store, saga_id)
        entries = audit(
            store, saga_id, since=first, until=last, by=by, outcomes=(outcome,) if outcome else ()
        )
        return await _print(entries, format)

    if not look(storage, storage_url, tell):
        say("no replay matches")


async def _say_held(store: SnapshotStorage, saga_id: str | None) -> None:
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.hold import hold_text

    if saga_id is None or await store.get_saga(saga_id) is None:
        return
    hold = await store.find_hold(saga_id)
    if hold is not None:
        say(f"the family of {saga_id} is held {hold_text(hold)}")


async def _print(entries: AsyncIterator[AuditEntry], format: AuditFormat) -> bool:
    """Write them as they come, but for a table, which is as wide as its widest; False: none."""
    from sagaz_tui.cli.audit_csv import print_csv, print_header
    from sagaz_tui.cli.audits import audit_data, audit_rows, print_entry
    from sagaz_tui.cli.output import emit_json_line, emit_rows

    if format == "table":
        found = [entry async for entry in entries]
        emit_rows(*audit_rows(found), format)
        return bool(found)
    if format == "csv":
        print_header()
    some = False
    async for entry in entries:
        some = True
        if format == "csv":
            print_csv(entry)
        elif format == "jsonl":
            emit_json_line(audit_data(entry))
        else:
            print_entry(entry)
    return some
