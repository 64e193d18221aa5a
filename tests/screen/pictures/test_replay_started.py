"""A replay once it has been asked for: one that did not start, and the log of one that did."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.replaying import process as replay_process
from sagaz_tui.replaying.output import new_output, new_request_id
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.screens.plan import PlanScreen
from screenshots.recording import ORDER
from tests.screen.looking import press, until_painted
from tests.screen.pictures.conftest import Matches
from tests.screen.pictures.opened import opened, show

PRINTED = (
    f"sagaz: replay {ORDER}~r1 started at charge_payment, from #2",
    *(f"asking the gateway, try {number}" for number in range(1, 9)),
    "Traceback (most recent call last):",
    '  File "shop/payment.py", line 88, in _charge',
    "    raise GatewayTimeout(after)",
    "GatewayTimeout: 30s",
    f"sagaz: {ORDER}~r1: completed charge_payment after a while that is longer than the line is",
)


async def test_the_log_of_a_replay(replayed: Path, matches: Matches) -> None:
    request_id = new_request_id()
    async with SQLiteSnapshotStorage(replayed) as storage:
        (entry,) = await storage.list_replays(ORDER)
        await storage.save_replay_log(replace(entry, request_id=request_id))
    new_output(request_id).write_text("\n".join(PRINTED) + "\n")
    async with opened(replayed, entry.replay_id) as pilot:
        await until_painted(pilot, "p log")
        press(pilot, "p")
        await matches(pilot, "replay-log")


async def test_a_replay_that_did_not_start(
    shop: Path, matches: Matches, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "exit('sagaz: the plan changed: lease; look at the new plan first')"
    monkeypatch.setattr(replay_process, "command", lambda *_: [sys.executable, "-c", script])
    async with opened(shop) as pilot:
        await show(pilot, PlanScreen(ReplayRequest(ORDER, "charge_payment"), confirm=True))
        await until_painted(pilot, "enter runs")
        press(pilot, "enter")
        await matches(pilot, "plan-did-not-start")
