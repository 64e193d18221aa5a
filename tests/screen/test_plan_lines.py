"""A plan as lines: what each step is, how it went, and what would be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagaz_core.model import MISSING, PlannedOverride, PlannedStep, ReplayPlan
from sagaz_tui.widgets.lines import line_width
from sagaz_tui.widgets.plan_lines import plan_lines
from tests.screen.looking import texts

NOW = datetime(2026, 7, 3, tzinfo=UTC)
LONG = "日本" * 40 + "\x1b[31m"
STEPS = (
    PlannedStep(name="reserve", fate="restored", compensation="release", idempotent=True),
    PlannedStep(
        name="pack",
        fate="runs_again",
        compensation="",
        was_running=True,
        note="it ran in order_1 and was not undone: this does it a second time",
    ),
    PlannedStep(
        name="charge",
        fate="runs",
        compensation="refund",
        idempotent=True,
        drift="changed",
        duration=3.612,
        attempts=3,
    ),
    PlannedStep(name="ship", fate="runs", drift="added"),
    PlannedStep(name="thank", fate="gone", compensation="apologise", drift="removed"),
    PlannedStep(name="greet", fate="restored_in_name", compensation="part"),
)


def drawn(width: int = 80, **more: Any) -> list[str]:
    plan = ReplayPlan(
        saga_id="order_1",
        saga_name="Order",
        root_id="order_1",
        from_step="charge",
        snapshot_id="s",
        sequence=3,
        taken_at=NOW,
        **more,
    )
    lines = plan_lines(plan, width, NOW)
    assert all(line_width(line) <= width for line in lines)
    assert all(text.isprintable() for text in texts(lines))
    return texts(lines)


def test_each_step_has_its_fate_its_reasons_and_how_it_went() -> None:
    lines = drawn(steps=STEPS)
    start = lines.index(next(line for line in lines if line.startswith(" Steps")))
    assert [" ".join(line.split()) for line in lines[start : start + 8]] == [
        "Steps took",
        "✓ reserve restored",
        "▸ pack runs again ran after this checkpoint".replace("▸", "↻"),
        "it ran in order_1 and was not undone: this does it a second time",
        "▸ charge runs code changed since, idempotent 3.612s ×3",
        "▸ ship runs added since",
        "∅ thank gone no longer in the code",
        "⊘ greet restored in name only",
    ]


def test_what_undoes_each_step_is_told_latest_first() -> None:
    lines = drawn(steps=STEPS)
    start = lines.index(" If it fails")
    assert " ".join(" ".join(lines[start + 1 : start + 3]).split()) == (
        "refund undoes charge, an unnamed function undoes pack, release undoes reserve; "
        "nothing undoes ship"
    )


def test_of_very_many_compensations_some_are_named() -> None:
    steps = tuple(
        PlannedStep(name=f"s{n}", fate="runs", compensation=f"undo_{n}") for n in range(500)
    )
    lines = drawn(steps=steps)
    told = " ".join(" ".join(lines[lines.index(" If it fails") + 1 :]).split())
    assert told.startswith("undo_499 undoes s499, ")
    assert told.endswith("and 488 more")


@pytest.mark.parametrize("width", [50, 80, 200])
def test_nothing_recorded_leaves_its_line_or_acts(width: int) -> None:
    steps = (
        PlannedStep(name=LONG, fate="runs", compensation=LONG, undone_by=LONG, note=LONG),
        PlannedStep(name="a", fate="restored", duration=99999.0, attempts=1000),
    )
    override = PlannedOverride(path=f"/{LONG}", before=LONG, after=MISSING, read_by=(LONG,))
    assert drawn(width, steps=steps, overrides=(override,))
