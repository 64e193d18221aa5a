"""``sagaz audit events``: what was done to a saga from outside, one event after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sagaz_tui.cli.options import FormatOption, SagaIdArgument, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.storage.audit_trail import AuditEvent
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.cli.output import Listing, Row


def list_events(
    saga_id: SagaIdArgument,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List a saga's audit trail: replays of it, what was revealed, deleted, held, exported.

    `sagaz audit verify ID` tells whether it is as it was written.

    For example: sagaz audit events order_1
    """
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look

    async def read(store: SnapshotStorage) -> list[AuditEvent]:
        await store.get_existing_saga(saga_id)
        return await store.list_audit_events(saga_id)

    events = look(storage, storage_url, read)
    if format == "json":
        emit_json([event_data(event) for event in events])
    elif events:
        emit_rows(*event_rows(events), format)
    else:
        say(f"nothing was done to {saga_id!r} from outside")


def event_data(event: AuditEvent) -> dict[str, Any]:
    """Return an event as data for JSON."""
    from sagaz_tui.showing.values import json_form

    return {
        "number": event.number,
        "event": event.event,
        "at": event.at.isoformat(),
        "by": event.by,
        "details": json_form(dict(event.details)),
    }


def event_rows(events: Iterable[AuditEvent]) -> Listing:
    """Return the columns of an audit trail, and a row for each event."""
    from sagaz_tui.cli.times import time_text

    rows: list[Row] = [
        (str(each.number), time_text(each.at), each.event, each.by, " ".join(_details(each)))
        for each in events
    ]
    return ("#", "TIME", "EVENT", "BY", "DETAILS"), rows


def _details(event: AuditEvent) -> Iterator[str]:
    for name, value in event.details.items():
        # The digest of the log's line is for `sagaz audit verify`, and no news to a person.
        if value not in (None, "") and name != "log":
            yield f"{name}={', '.join(map(str, value)) if isinstance(value, list) else value}"
