"""The commands put together: what ``sagaz`` offers, and what it does when nothing is asked."""

from __future__ import annotations

import sys

import typer

from sagaz_tui.cli import (
    audit,
    batch,
    bundles,
    compare,
    config,
    copy,
    demo,
    doctor,
    forget,
    hold,
    keys,
    lineage,
    prune,
    replay,
    resume,
    sagas,
    screen,
    search,
    state,
)

app = typer.Typer(
    name="sagaz",
    rich_markup_mode=None,  # rich costs half as much again at every start
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
replay.group.command("batch")(batch.replay_batch)
app.add_typer(replay.group, name="replay")
app.command("sagas")(sagas.list_sagas)
app.command("show")(sagas.show_saga)
app.command("diff")(state.show_diff)
app.command("blame")(state.show_blame)
app.command("compare")(compare.show_comparison)
app.command("lineage")(lineage.show_lineage)
app.add_typer(audit.group, name="audit")
app.command("search")(search.search_saga)
app.command("resume")(resume.resume_saga)
app.command("tui")(screen.open_screen)
app.command("copy")(copy.copy_store)
app.command("export")(bundles.export_saga)
app.command("import")(bundles.import_bundle)
app.command("prune")(prune.prune_store)
app.command("doctor")(doctor.examine)
app.command("hold")(hold.hold_family)
app.command("forget")(forget.forget_sagas)
app.add_typer(keys.group, name="keys")
app.command("demo")(demo.run_demo)
app.command("config")(config.show_settings)


@app.callback(invoke_without_command=True)
def sagaz(context: typer.Context) -> None:
    """A time-travel debugger for sagas: look back, correct, replay.

    With no command it opens the screen on the store of the current folder; where there is no
    terminal, `sagaz sagas` shows it as text.
    """
    if context.invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        typer.echo(context.get_help())
        return
    screen.open_screen()
