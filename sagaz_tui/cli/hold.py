"""``sagaz hold``: families that are kept whatever their retention says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagaz_tui.cli.options import Format, FormatOption, StorageOption, StorageUrlOption, checked_id

if TYPE_CHECKING:
    from sagaz_core.storage.holding import Hold


def hold_family(
    saga_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A saga of the family.", callback=checked_id),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="WHY", help="Why it is held; hold it.")
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Hold it no longer.")] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Keep a saga's family: it is neither pruned nor forgotten, nor does it expire.

    Without an ID it lists what is held. Released, what has expired meanwhile may go at once.

    For example: sagaz hold order_1 --reason "lawsuit 4711"
    """
    from sagaz_core.errors import UsageError
    from sagaz_core.process import process_owner
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.stores import change, look

    if saga_id is None:
        if reason is not None or release:
            raise UsageError("say which saga: sagaz hold ID --reason WHY")
        _print(look(storage, storage_url, lambda store: store.list_holds()), format)
        return
    who = process_owner()
    if release == (reason is not None):
        raise UsageError("say --reason WHY to hold it, or --release; one of the two")
    if reason is not None:
        if not reason.strip():
            raise UsageError("give a reason that tells why it is held")
        why = reason
        change(storage, storage_url, lambda store: store.hold(saga_id, by=who, reason=why))
        say(f"the family of {saga_id} is held")
    elif change(storage, storage_url, lambda store: store.release_hold(saga_id, by=who)):
        say(f"the family of {saga_id} is held no longer")
    else:
        say(f"the family of {saga_id} was not held")
        raise typer.Exit(1)


def hold_text(hold: Hold) -> str:
    """Return a hold in words: since when, by whom and why."""
    from sagaz_tui.cli.times import time_text

    return f"since {time_text(hold.at)} by {hold.by}: {hold.reason}"


def hold_data(hold: Hold) -> dict[str, Any]:
    """Return a hold as data for JSON."""
    return {
        "root_id": hold.root_id,
        "since": hold.at.isoformat(),
        "by": hold.by,
        "reason": hold.reason,
    }


def _print(holds: list[Hold], format: Format) -> None:
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.times import time_text

    if format == "json":
        emit_json([hold_data(hold) for hold in holds])
    elif holds:
        rows = [(each.root_id, time_text(each.at), each.by, each.reason) for each in holds]
        emit_rows(("FAMILY", "SINCE", "BY", "WHY"), rows, format)
    else:
        say("nothing is held")
