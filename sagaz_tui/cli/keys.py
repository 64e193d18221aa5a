"""``sagaz keys``: which keys a store's secrets are under, and how they come under new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.storage.rotating import KeyUse, Result, RotationReport
    from sagaz_core.storage.storage import SnapshotStorage

group = typer.Typer(
    help="The keys that secrets are encrypted under.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command("list")
def list_keys(
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List the keys by id, and what is under each: sagas, and what else the store encrypts.

    A key that is not at hand is needed to read those secrets: put it into the ring, or into the
    environment, behind the current one. One that nothing is under may be taken out of it.
    """
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look

    uses = look(storage, storage_url, lambda store: store.list_keys())
    if format == "json":
        emit_json(
            [
                {
                    "key": use.key_id,
                    "sagas": use.sagas,
                    "others": use.others,
                    "at_hand": use.at_hand,
                    "current": use.is_current,
                }
                for use in uses
            ]
        )
        return
    if not uses:
        say("no saga here is encrypted")
        return
    rows = [
        (use.key_id or "not told", str(use.sagas), str(use.others), _state(use)) for use in uses
    ]
    emit_rows(("KEY", "SAGAS", "OTHERS", "STATE"), rows, format)


def _state(use: KeyUse) -> str:
    if use.is_current:
        return "current"
    if not use.at_hand:
        return "not at hand"
    return "needed" if use.sagas or use.others else "no longer needed"


@group.command("rotate")
def rotate_keys(
    reencrypt: Annotated[
        bool,
        typer.Option(
            "--reencrypt", help="Encrypt all secrets anew, not only wrap the sagas' keys anew."
        ),
    ] = False,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Bring all sagas under the current key, the first of the ring; programs may go on writing.

    Put the new key first and keep the old one behind it until this has ended. Broken off, it
    goes on where it was when it is called again. With --reencrypt, sagas that have not ended are
    left for the next time.

    For example: SAGAZ_KEYS="2027=NEW,2026=OLD" sagaz keys rotate
    """
    from sagaz_tui.cli.bar import progress_bar
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_facts, emit_json
    from sagaz_tui.cli.stores import change

    async def rotate(store: SnapshotStorage) -> RotationReport:
        total = sum((await store.count_sagas("status")).values())
        done = 0
        with progress_bar("rotating") as draw:

            def ended(saga_id: str, result: Result) -> None:
                nonlocal done
                done += 1
                draw(done, max(total, done), saga_id)

            return await store.rotate_keys(reencrypt=reencrypt, on_saga=ended)

    report = change(storage, storage_url, rotate)
    if format == "json":
        emit_json(
            {
                "rotated": report.rotated,
                "current": report.current,
                "running": report.running,
                "failed": list(report.failed),
            }
        )
    else:
        emit_facts(
            [
                ("rotated", f"{report.rotated} sagas"),
                ("current already", f"{report.current} sagas"),
                ("running, left", f"{report.running} sagas"),
                ("failed", f"{len(report.failed)} sagas"),
            ]
        )
    for sentence in report.failed:
        say(sentence)
    if report.failed:
        raise typer.Exit(1)
