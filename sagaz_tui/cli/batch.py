"""``sagaz replay batch``: replay many sagas, or what is left of a batch that was interrupted."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from sagaz_tui.cli.filters import (
    ErrorOption,
    FailedStepOption,
    KeyOption,
    NameOption,
    PrefixOption,
    SinceOption,
    StatusOption,
    TagOption,
    UntilOption,
    WhereOption,
)
from sagaz_tui.cli.options import FormatOption, SecretOption, StorageOption, StorageUrlOption
from sagaz_tui.cli.replay_options import (
    AgainOption,
    AllowTypeOption,
    CompensatedOption,
    DryRunOption,
    FactoryOption,
    InDoubtOption,
    OverrideOption,
    OverridesOption,
    ReasonOption,
    SimulateOption,
    UnsetOption,
)

_GOING_ON: Final = {
    *("resume", "concurrency", "rate", "stop_after_failures", "no_canary", "in_doubt", "yes"),
    *("factory", "storage", "storage_url", "format"),
}
"""The options that may stand beside ``--resume``."""


def replay_batch(
    context: typer.Context,
    status: StatusOption = None,
    name: NameOption = None,
    prefix: PrefixOption = None,
    tag: TagOption = None,
    failed_step: FailedStepOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    where: WhereOption = None,
    key: KeyOption = None,
    ids: Annotated[
        str | None,
        typer.Option(
            "--ids", metavar="FILE", help="Only these, an id a line, from a file or stdin (-)."
        ),
    ] = None,
    from_step: Annotated[
        str | None,
        typer.Option(
            "--from-step", metavar="STEP", help="Where to start; else at each saga's failed step."
        ),
    ] = None,
    override: OverrideOption = None,
    overrides: OverridesOption = None,
    override_file: Annotated[
        str | None,
        typer.Option(
            "--override-file",
            metavar="FILE",
            help="What to set in each: .csv with the header saga_id,KEY,... (an empty cell sets "
            'nothing), or .jsonl with {"saga_id": ..., "overrides": {...}} in each line.',
        ),
    ] = None,
    secret: SecretOption = None,
    unset: UnsetOption = None,
    allow_type: AllowTypeOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    simulate: SimulateOption = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Run without showing first and asking.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, metavar="N", help="How many at the same time.")
    ] = 16,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="N", help="Start at most so many a second."),
    ] = None,
    stop_after_failures: Annotated[
        int | None,
        typer.Option(
            "--stop-after-failures", min=1, metavar="N", help="Start no more after so many failed."
        ),
    ] = None,
    no_canary: Annotated[
        bool,
        typer.Option("--no-canary", help="Do not wait for one to succeed before the rest start."),
    ] = False,
    compensated: CompensatedOption = "redo",
    in_doubt: InDoubtOption = None,
    again: AgainOption = False,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="BATCH",
            help="Go on with a batch, or help one that runs. What it is about is recorded in it.",
        ),
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(
            "--request", metavar="FILE", hidden=True, help="What the screen asks for, from stdin."
        ),
    ] = None,
    factory: FactoryOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Replay many sagas, each from its failed step, as new sagas; the originals stay.

    Every condition given must hold; replays, and sagas that one has recovered, are left out. On
    a terminal it shows first what would run, and asks. How it goes is told on stderr: a bar on a
    terminal, otherwise an event a line in JSON. The report goes to stdout. It exits with 0 if
    all succeeded, with 1 if not.

    Ctrl-C lets those under way finish and stops; a second one cancels them, and they undo what
    they did. A batch that was stopped or killed goes on with --resume, in as many processes as
    you like.

    For example: sagaz replay batch --name OrderSaga --error timeout --override gateway=backup
    """
    from sagaz_core.errors import UsageError
    from sagaz_tui.cli.batch_selection import batch_selection
    from sagaz_tui.cli.batching import BatchWish, carry_out

    if request is not None:
        from sagaz_tui.cli.batching import wish_of_screen

        wish = wish_of_screen(request, reason=reason, yes=yes)
        raise typer.Exit(carry_out(wish, storage, storage_url, format))
    if resume is not None:
        _check_alone(context)
    if ids == overrides == "-":
        raise UsageError("--ids and --overrides cannot both be read from stdin; put one in a file")
    wish = BatchWish(
        selection=batch_selection(
            status=status,
            name=name,
            prefix=prefix,
            tag=tag,
            failed_step=failed_step,
            error=error,
            since=since,
            until=until,
            where=where,
            key=key,
            ids=ids,
        ),
        from_step=from_step,
        overrides=tuple(override or ()),
        overrides_from=overrides,
        secrets=tuple(secret or ()),
        override_file=override_file,
        unset=tuple(unset or ()),
        allow_type=tuple(allow_type or ()),
        reason=reason,
        dry_run=dry_run,
        simulate=simulate,
        yes=yes,
        concurrency=concurrency,
        rate=rate,
        stop_after_failures=stop_after_failures,
        canary=not no_canary,
        compensated=compensated,
        in_doubt=in_doubt,
        again=again,
        resume=resume,
        factory=factory,
    )
    raise typer.Exit(carry_out(wish, storage, storage_url, format))


def _check_alone(context: typer.Context) -> None:
    """Refuse what a batch that has begun has settled already."""
    from sagaz_core.errors import UsageError

    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in _GOING_ON and source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.replace('_', '-')} and --resume contradict each other: a batch goes on "
                "with the sagas and overrides that it began with"
            )
