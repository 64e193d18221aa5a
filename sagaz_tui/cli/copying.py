"""Carries out ``sagaz copy``: how far it is while it runs, and what it did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from sagaz_core.storage.copying import CopyProgress, CopyReport, copy_sagas
from sagaz_core.storage.url import open_storage
from sagaz_tui.cli.bar import Draw, progress_bar
from sagaz_tui.cli.exits import say
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit_facts, emit_json, emit_rows
from sagaz_tui.settings import load_settings
from sagaz_tui.showing.text import short_size

_NAMED: Final = 5
"""How many running sagas are named."""


def carry_out(source: str, target: str, filters: Mapping[str, Any]) -> CopyReport:
    """Copy from one address to another, drawing on stderr how far it is.

    Raises:
        UsageError: an address or a filter is not what it must be.
        StorageError: one of the stores failed.
    """
    here = load_settings(storage_url=source, flag="--from")
    there = load_settings(storage_url=target, flag="--to")

    async def copy(draw: Draw) -> CopyReport:
        def tell_progress(now: CopyProgress) -> None:
            draw(now.done, now.total, f"{now.checkpoints} checkpoints")

        origin = open_storage(here.storage_url, read_only=True)
        copied = open_storage(there.storage_url, read_only=there.read_only)
        async with contextlib.AsyncExitStack() as stores:
            stores.push_async_callback(copied.close)
            await stores.enter_async_context(origin)
            return await copy_sagas(origin, copied, progress=tell_progress, **filters)

    try:
        with progress_bar("copying sagas") as draw:
            return asyncio.run(copy(draw))
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        raise


def tell(report: CopyReport, format: Format) -> None:
    """Write what a copy did."""
    if format == "json":
        emit_json(_data(report))
        return
    emit_facts(
        [
            ("sagas", str(report.sagas)),
            ("copied", str(report.copied)),
            ("continued", _some(report.continued)),
            ("already there", _some(report.unchanged)),
            ("expired, left out", _some(report.expired)),
            ("checkpoints", f"{report.checkpoints} written, {short_size(report.bytes)}"),
            ("replay log", _some(report.documents)),
            ("held there now", _some(report.holds)),
            ("tombstones", _some(report.tombstones)),
            ("read back", f"{report.verified} checkpoints, all equal" if report.verified else ""),
            ("conflicts", _some(len(report.conflicts))),
        ]
    )
    if report.conflicts:
        rows = [(conflict.saga_id, conflict.reason) for conflict in report.conflicts]
        emit_rows(("ID", "LEFT AS IT IS, BECAUSE"), rows, format)
    if not report.trails_verifiable:
        say(
            "the target has keys of its own for audit trails, so those that were copied cannot be "
            "verified there; for evidence, copy into a new store"
        )
    if report.running:
        named = ", ".join(report.running[:_NAMED]) + (", …" if report.running[_NAMED:] else "")
        say(
            f"still going on at the source, and copied as far as they were: {named}; copy again "
            "for the rest"
        )


def _some(count: int) -> str:
    return str(count) if count else ""


def _data(report: CopyReport) -> dict[str, Any]:
    return {
        "complete": report.complete,
        "sagas": report.sagas,
        "copied": report.copied,
        "continued": report.continued,
        "unchanged": report.unchanged,
        "expired": report.expired,
        "checkpoints": report.checkpoints,
        "bytes": report.bytes,
        "documents": report.documents,
        "holds": report.holds,
        "tombstones": report.tombstones,
        "verified": report.verified,
        "trails_verifiable": report.trails_verifiable,
        "running": list(report.running),
        "conflicts": [
            {"saga_id": conflict.saga_id, "reason": conflict.reason}
            for conflict in report.conflicts
        ],
    }
