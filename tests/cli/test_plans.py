"""A plan in print: of each step what happens, how it went, and what is to be known of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sagaz_core.model import MISSING, PlannedOverride, PlannedStep, ReplayPlan
from sagaz_tui.cli.plans import print_plan
from tests.cli.shop import HOSTILE

STEPS = (
    PlannedStep(
        name="reserve",
        fate="restored",
        compensation="release",
        idempotent=True,
        duration=0.041,
        attempts=1,
    ),
    PlannedStep(
        name="pack",
        fate="runs_again",
        was_running=True,
        compensation="",
        note="it ran in order_1 and was not undone: this does it a second time",
    ),
    PlannedStep(
        name="charge", fate="runs", drift="changed", idempotent=True, duration=3.612, attempts=3
    ),
    PlannedStep(name="weigh", fate="runs", drift="added"),
    PlannedStep(name="thank", fate="gone", drift="removed"),
    PlannedStep(name=HOSTILE, fate="in_doubt", drift="moved"),
)


def plan(**more: Any) -> ReplayPlan:
    return ReplayPlan(
        saga_id="order_1",
        saga_name="Order",
        root_id="order_1",
        from_step="charge",
        snapshot_id="s",
        sequence=3,
        taken_at=None,
        **more,
    )


def printed(capsys: pytest.CaptureFixture[str], planned: ReplayPlan) -> list[str]:
    print_plan(planned, "text")
    return capsys.readouterr().out.splitlines()


def test_every_step_tells_its_story_and_its_code_s(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, plan(steps=STEPS))
    start = next(number for number, line in enumerate(lines) if line.startswith("STEP"))
    rows = [re.split(r"  +", line.strip()) for line in lines[start + 1 :]]
    assert rows[:5] == [
        ["reserve", "restored", "41ms", "release"],
        ["pack", "runs again", "unnamed", "ran after this checkpoint"],
        ["charge", "runs", "3.612s ×3", "code changed since, idempotent"],
        ["weigh", "runs", "added since"],
        ["thank", "GONE", "no longer in the code"],
    ]
    assert rows[5][1:] == ["IN DOUBT", "moved since"]
    assert lines[-1] == "pack: it ran in order_1 and was not undone: this does it a second time"
    assert all(line.isprintable() for line in lines)


def test_an_override_tells_who_had_to_do_with_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    note = "no later step of the original ever read or set it"
    overrides = (
        PlannedOverride(path="/token", before="a", after="b", read_by=("charge", "ship")),
        PlannedOverride(path="/sum", before=1, after=2, read_by=("x",), set_by=tuple("abcde")),
        PlannedOverride(path="/new", before=MISSING, after=1, note=note),
        PlannedOverride(path="/old", before=1, after=MISSING),
    )
    assert printed(capsys, plan(overrides=overrides))[-7:] == [
        '~ /token  "a" → "b"',
        "    read by charge, ship in the original",
        "~ /sum  1 → 2",
        "    read by x, set by a, b, c and 2 more in the original",
        "+ /new  1",
        f"    {note}",
        "- /old  1",
    ]
