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
    from sagaz_core.storage.verification import Verification
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

    The exit code is 0 if all of it is verified, 4 if something was altered or removed, and 1 if
    nothing was found so, but not all of it could be verified.

    For example: sagaz audit verify --head > heads.jsonl, and later
    sagaz audit verify --against heads.jsonl
    """
    from sagaz_core.errors import UsageError
    from sagaz_tui.cli.exits import FAILED, STORAGE
    from sagaz_tui.cli.stores import look

    if head:
        if against is not None:
            raise UsageError("--head prints heads and --against reads them; say one of the two")
        look(storage, storage_url, lambda store: _print_heads(store, saga_id))
        return
    heads = None if against is None else _kept(against)
    found, gone = look(storage, storage_url, lambda store: _check(store, saga_id, heads))
    _print(found, gone, format, every=saga_id is not None)
    statuses = {each.status for each in found} | {told.status for _, told in gone}
    if "tampered" in statuses:
        raise typer.Exit(STORAGE)
    if "unverified" in statuses:
        raise typer.Exit(FAILED)


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
) -> tuple[list[Evidence], list[tuple[str, Verification]]]:
    """Return what is known of each saga, and of those that there were and that are gone."""
    from sagaz_core.history.evidence import verify
    from sagaz_core.history.heads import missing_sagas

    found = [each async for each in verify(store, saga_id, heads=heads)]
    roots = {each.root_id for each in found}
    asked = {
        name: each
        for name, each in (heads or {}).items()
        if saga_id is None or each.root_id in roots
    }
    gone = [(each.saga_id, told) async for each, told in missing_sagas(store, asked)]
    return found, gone


def _print(
    found: list[Evidence], gone: list[tuple[str, Verification]], format: Format, *, every: bool
) -> None:
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit, emit_json, emit_rows

    rows: list[Row] = [(each.saga_id, each.status, "; ".join(reasons(each))) for each in found]
    rows += [(saga_id, told.status, told.reason) for saga_id, told in gone]
    if format == "json":
        missing = [
            {"saga_id": saga_id, "status": told.status, "why": [told.reason]}
            for saga_id, told in gone
        ]
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
            "the keys are not at hand; nothing was found altered in them, and nothing proves "
            "that nothing was"
        )


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
