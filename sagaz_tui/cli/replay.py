"""``sagaz replay``: run one, look at the state back then, list what changed, list the replays."""

from __future__ import annotations

from typing import Annotated

import typer

from sagaz_tui.cli.options import (
    FormatOption,
    LimitOption,
    RevealOption,
    SagaIdArgument,
    SecretOption,
    StorageOption,
    StorageUrlOption,
)
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

group = typer.Typer(
    help="Replay a saga from a checkpoint, and look at how it was.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command("run")
def run_replay(
    saga_id: SagaIdArgument,
    from_step: Annotated[
        str, typer.Option("--from-step", metavar="STEP", help="The step to start at.")
    ],
    override: OverrideOption = None,
    overrides: OverridesOption = None,
    secret: SecretOption = None,
    unset: UnsetOption = None,
    allow_type: AllowTypeOption = None,
    reason: ReasonOption = None,
    dry_run: DryRunOption = False,
    simulate: SimulateOption = False,
    force_failure: Annotated[
        bool,
        typer.Option("--force-failure", help="Fail instead of running the step, to see the undo."),
    ] = False,
    fail_at: Annotated[
        str | None,
        typer.Option("--fail-at", metavar="STEP", help="Fail instead of running this later step."),
    ] = None,
    compensated: CompensatedOption = "redo",
    in_doubt: InDoubtOption = None,
    snapshot: Annotated[
        str | None,
        typer.Option("--snapshot", metavar="ID", help="Start from exactly this checkpoint."),
    ] = None,
    plan_digest: Annotated[
        str | None,
        typer.Option(
            "--plan-digest", metavar="HEX", help="Refuse if the plan is no longer this one."
        ),
    ] = None,
    again: AgainOption = False,
    request_id: Annotated[
        str | None,
        typer.Option(
            "--request-id",
            metavar="ID",
            help="Name this call: made again, it runs nothing twice and tells how that went.",
        ),
    ] = None,
    factory: FactoryOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Replay a saga from a step, as a new saga; the original stays as it is."""
    from sagaz_tui.cli.replaying import ReplayWish, carry_out

    wish = ReplayWish(
        saga_id=saga_id,
        from_step=from_step,
        overrides=tuple(override or ()),
        overrides_from=overrides,
        secrets=tuple(secret or ()),
        unset=tuple(unset or ()),
        allow_type=tuple(allow_type or ()),
        reason=reason,
        dry_run=dry_run,
        simulate=simulate,
        force_failure=force_failure,
        fail_at=fail_at,
        compensated=compensated,
        in_doubt=in_doubt,
        snapshot_id=snapshot,
        plan_digest=plan_digest,
        again=again,
        request_id=request_id,
        factory=factory,
    )
    code = carry_out(wish, storage, storage_url, format)
    raise typer.Exit(code)


@group.command("time-travel")
def time_travel(
    saga_id: SagaIdArgument,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="2024-12-15T10:30:00Z, or '2h ago'.")
    ],
    key: Annotated[str | None, typer.Option("--key", help="Only this key of the context.")] = None,
    reveal: RevealOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show a saga's state as it was at a moment."""
    from sagaz_core.errors import NotFoundError
    from sagaz_tui.cli.history import load_state, print_state, print_value, state_data
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look_revealing
    from sagaz_tui.cli.times import parse_time
    from sagaz_tui.showing.values import json_form

    moment = parse_time(at, "--at")
    state = look_revealing(
        storage,
        storage_url,
        saga_id,
        reveal or (),
        lambda store: load_state(store, saga_id, moment),
    )
    if key is None:
        if format == "json":
            emit_json(state_data(state))
        else:
            print_state(state, format)
        return
    values = {**state.context, **state.results}
    if key not in values:
        raise NotFoundError(
            f"saga {saga_id!r} had no key {key!r} then; it had {', '.join(values) or 'none'}"
        )
    if format == "json":
        emit_json(json_form(values[key]))
    else:
        print_value(values[key])


@group.command("list-changes")
def list_changes(
    saga_id: SagaIdArgument,
    after: Annotated[
        str | None, typer.Option("--after", metavar="TIME", help="Only later than this.")
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="TIME", help="Only earlier than this.")
    ] = None,
    limit: LimitOption = 100,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List what each checkpoint of a saga changed, and who caused it."""
    from sagaz_core.history.time_travel import SagaTimeTravel
    from sagaz_tui.cli.changes import change_data, print_changes
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look
    from sagaz_tui.cli.times import parse_optional_time

    first, last = parse_optional_time(after, "--after"), parse_optional_time(before, "--before")
    changes = look(
        storage,
        storage_url,
        lambda store: SagaTimeTravel.list_state_changes(
            saga_id=saga_id, snapshot_storage=store, after=first, before=last, limit=limit
        ),
    )
    if format == "json":
        emit_json([change_data(change) for change in changes])
    else:
        print_changes(changes, format)


@group.command("history")
def replay_history(
    saga_id: SagaIdArgument,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """List the replays of a saga: who, when, why, with what, by which plan, what came of it.

    Those that grew from its replays are theirs; `sagaz audit ID` lists a whole family.
    """
    from sagaz_core.history.audit import replays_of
    from sagaz_tui.cli.audits import audit_data, audit_rows, print_entry
    from sagaz_tui.cli.exits import say
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.cli.stores import look

    entries = look(storage, storage_url, lambda store: replays_of(store, saga_id))
    if format == "json":
        emit_json([audit_data(entry) for entry in entries])
    elif not entries:
        say(f"saga {saga_id!r} was never replayed")
    elif format == "table":
        emit_rows(*audit_rows(entries), format)
    else:
        for entry in entries:
            print_entry(entry)
