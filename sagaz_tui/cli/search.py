"""``sagaz search``: where in a saga's history something became true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagaz_tui.cli.options import FormatOption, SagaIdArgument, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.history.search import Doubts, Match, SearchResult
    from sagaz_tui.cli.output import Listing


def search_saga(
    saga_id: SagaIdArgument,
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help="In CEL: context.amount > 100")
    ],
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Find the checkpoints at which an expression becomes true, the first on top.

    It may ask of context (or ctx), step, kind, status, seq, error and completed. For example:
    sagaz search order_8841 "context.amount > 100 && 'reserve' in completed"
    """
    from sagaz_core.history.search import search
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look

    found = look(storage, storage_url, lambda store: search(store, saga_id, expression))
    if format == "json":
        emit_json(_data(found))
    elif found.matches:
        emit_rows(*_rows(found.matches), format)
    else:
        say(f"it is true at none of the {found.searched} checkpoints of {saga_id}")
    for key, place in found.unknown_keys.items():
        say(f"no checkpoint has the key {key!r}, named at {place}; `sagaz show` lists the keys")
    say_doubts(found.doubts)


def say_doubts(doubts: Doubts) -> None:
    """Tell where an expression had no answer."""
    from sagaz_tui.cli.exits import say

    if doubts.count:
        more = f" and {doubts.count - 1} more" if doubts.count > 1 else ""
        say(f"no answer, taken for false, at {doubts.first}{more}: {doubts.reason}")


def _rows(matches: tuple[Match, ...]) -> Listing:
    from sagaz_tui.cli.times import time_text

    return ("#", "TIME", "KIND", "STEP", "STATUS"), [
        (
            f"#{match.sequence}",
            time_text(match.created_at),
            match.kind,
            match.step_name or "",
            match.status,
        )
        for match in matches
    ]


def _data(found: SearchResult) -> dict[str, Any]:
    return {
        "saga_id": found.saga_id,
        "expression": found.expression,
        "searched": found.searched,
        "matches": [
            {
                "sequence": match.sequence,
                "snapshot_id": match.snapshot_id,
                "created_at": match.created_at.isoformat(),
                "kind": match.kind,
                "status": match.status,
                "step_name": match.step_name,
            }
            for match in found.matches
        ],
        "unanswered": found.doubts.count,
        "unknown_keys": sorted(found.unknown_keys),
    }
