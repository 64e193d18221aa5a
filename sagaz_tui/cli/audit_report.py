"""``sagaz audit report``: how a saga stood at a date, for an auditor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sagaz_tui.cli.options import SagaIdArgument, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.history.compliance_report import ComplianceReport


def report_saga(
    saga_id: SagaIdArgument,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="2024-07-15T14:30:00Z, or '2h ago'.")
    ],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Only this key of the context; repeatable.")
    ] = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="Lines of text, or JSON on stdout.")
    ] = "text",
) -> None:
    """Report how a saga stood at a moment, what was done to it, and whether that is proven.

    Secrets are masked. Where something was altered or removed, the exit code is 4.

    For example: sagaz audit report order_1 --at 2024-07-15T14:30:00Z --key status
    """
    from sagaz_core.history.compliance_report import compliance_audit
    from sagaz_tui.cli.exits import STORAGE
    from sagaz_tui.cli.output import emit_json
    from sagaz_tui.cli.stores import look
    from sagaz_tui.cli.times import parse_time

    moment = parse_time(at, "--at")
    report = look(
        storage,
        storage_url,
        lambda store: compliance_audit(store, saga_id, moment, keys=key),
    )
    if format == "json":
        emit_json(report_data(report))
    else:
        _print(report)
    if report.evidence.status == "tampered":
        raise typer.Exit(STORAGE)


def report_data(report: ComplianceReport) -> dict[str, Any]:
    """Return a report as data for JSON."""
    from sagaz_tui.cli.audit_events import event_data
    from sagaz_tui.cli.audit_verify import evidence_data
    from sagaz_tui.cli.hold import hold_data
    from sagaz_tui.showing.values import json_form

    until = report.retention_until
    return {
        "saga_id": report.saga_id,
        "saga_name": report.saga_name,
        "timestamp": report.timestamp.isoformat(),
        "recorded_at": report.recorded_at.isoformat(),
        "status": report.status,
        "step_name": report.step_name,
        "completed_steps": list(report.completed_steps),
        "context": json_form(dict(report.context)),
        "events": [event_data(event) for event in report.events],
        "evidence": evidence_data(report.evidence),
        "hold": hold_data(report.hold) if report.hold else None,
        "retention_until": until.isoformat() if until else None,
    }


def _print(report: ComplianceReport) -> None:
    from sagaz_tui.cli.audit_events import event_rows
    from sagaz_tui.cli.audit_verify import reasons
    from sagaz_tui.cli.hold import hold_text
    from sagaz_tui.cli.output import emit, emit_facts, emit_rows
    from sagaz_tui.cli.times import time_text
    from sagaz_tui.showing.values import VALUE_WIDTH, value_text

    until = report.retention_until
    emit_facts(
        [
            ("saga", f"{report.saga_id}  {report.saga_name}"),
            ("at", time_text(report.timestamp)),
            ("recorded", time_text(report.recorded_at)),
            ("status", report.status + (f", at {report.step_name}" if report.step_name else "")),
            ("done by then", ", ".join(report.completed_steps)),
            ("evidence", f"{report.evidence.status}: {'; '.join(reasons(report.evidence))}"),
            ("held", hold_text(report.hold) if report.hold else ""),
            ("kept until", time_text(until) if until else "removed by hand only"),
        ]
    )
    emit()
    rows = [(name, value_text(value, VALUE_WIDTH)) for name, value in report.context.items()]
    emit_rows(("KEY", "VALUE"), rows, "text")
    if report.events:
        emit()
        emit_rows(*event_rows(report.events), "text", title="What was done to it since it began")
