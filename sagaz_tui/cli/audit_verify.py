"""``sagaz audit verify``: whether what the store tells is what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagaz_tui.cli.options import (
    Format,
    FormatOption,
    StorageOption,
    StorageUrlOption,
    checked_id,
)

if TYPE_CHECKING:
    from sagaz_core.history.evidence import Evidence
    from sagaz_core.history.heads import Head
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.cli.output import Row


def verify_store(
    saga_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="Only the family of this saga; else all.", callback=checked_id
        ),
    ] = None,
    head: Annotated[
        bool,
        typer.Option("--head", help="Print each saga's head, a line of JSON, to keep elsewhere."),
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE",
            help="Heads that were kept: find out whether the store was put back.",
        ),
    ] = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Check each saga's history and audit trail, and whether they tell the same.

    "tampered": something was altered or removed. "unverified": the saga has no codes, since it
    was recorded without encryption, or the keys are not at hand; it could have been altered.
    A store that was put back whole to an older state is found out by heads kept elsewhere.

    For example: sagaz audit verify --head > heads.jsonl, and later
    sagaz audit verify --against heads.jsonl
    """
    from sagaz_core.errors import UsageError
    from sagaz_tui.cli.stores import look

    if head:
        if against is not None:
            raise UsageError("--head prints heads and --against reads them; say one of the two")
        look(storage, storage_url, lambda store: _print_heads(store, saga_id))
        return
    heads = None if against is None else _kept(against)
    found, gone = look(storage, storage_url, lambda store: _check(store, saga_id, heads))
    _print(found, gone, format, every=saga_id is not None)
    if gone or any(each.status == "tampered" for each in found):
        raise typer.Exit(1)


async def _print_heads(store: SnapshotStorage, saga_id: str | None) -> None:
    from sagaz_core.history.heads import head_line, list_heads

    async for each in list_heads(store, saga_id):
        typer.echo(head_line(each))


def _kept(file: Path) -> dict[str, Head]:
    from sagaz_core.errors import UsageError
    from sagaz_core.history.heads import read_heads

    try:
        return read_heads(file.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise UsageError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(file)!r} is no text") from error


async def _check(
    store: SnapshotStorage, saga_id: str | None, heads: Mapping[str, Head] | None
) -> tuple[list[Evidence], list[str]]:
    """Return what is known of each saga, and which of those that there were are gone."""
    from sagaz_core.history.evidence import verify
    from sagaz_core.history.heads import missing_sagas

    found = [each async for each in verify(store, saga_id, heads=heads)]
    roots = {each.root_id for each in found}
    asked = {
        name: each
        for name, each in (heads or {}).items()
        if saga_id is None or each.root_id in roots
    }
    return found, [each.saga_id async for each in missing_sagas(store, asked)]


def _print(found: list[Evidence], gone: list[str], format: Format, *, every: bool) -> None:
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit, emit_json, emit_rows

    rows: list[Row] = [(each.saga_id, each.status, "; ".join(reasons(each))) for each in found]
    rows += [(saga_id, "tampered", _GONE) for saga_id in gone]
    if format == "json":
        missing = [{"saga_id": saga_id, "status": "tampered", "why": [_GONE]} for saga_id in gone]
        emit_json([*map(evidence_data, found), *missing])
    elif format == "table":
        emit_rows(("SAGA", "STATUS", "WHY"), rows, format)
    else:
        for saga_id, status, why in rows:
            if every or status == "tampered":
                emit(f"{saga_id}  {status}: {why}")
        emit(", ".join(f"{count} {status}" for status, count in _counts(rows)) or "no saga is here")
    unverified = sum(status == "unverified" for _, status, _ in rows)
    if unverified:
        say(
            f"{unverified} of {len(rows)} sagas could not be verified: they have no codes, or "
            "the keys are not at hand; nothing shows whether they were altered"
        )


_GONE = "it was in the store and is gone, neither expired nor forgotten"


def reasons(each: Evidence) -> list[str]:
    """Return why it stands as it does, a sentence each."""
    found = [*each.findings, each.history.reason]
    if each.trail.status != each.history.status or each.trail.status == "tampered":
        found.append(f"audit trail: {each.trail.reason}")
    return found


def _counts(rows: Iterable[Row]) -> list[tuple[str, int]]:
    statuses = [row[1] for row in rows]
    return [
        (status, statuses.count(status))
        for status in ("verified", "unverified", "tampered")
        if status in statuses
    ]


def evidence_data(each: Evidence) -> dict[str, Any]:
    """Return what is known of a saga as data for JSON."""
    return {
        "saga_id": each.saga_id,
        "root_id": each.root_id,
        "status": each.status,
        "history": {"status": each.history.status, "why": each.history.reason},
        "trail": {"status": each.trail.status, "why": each.trail.reason},
        "why": list(each.findings),
    }
