"""The batch command on a real terminal: what it shows, asks and draws."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.batch_shop import GOOD
from tests.cli.command import Command
from tests.end_to_end.terminal import SAGAZ, Terminal

Open = Callable[..., AbstractContextManager[Terminal]]
ASKED = r"Run these 3\? \[y/N\]"
IN_PRODUCTION = "To run these, type how many they are"


@pytest.fixture
def opened(orders_store: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Starts a batch of the three orders on a terminal."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    @contextmanager
    def open_terminal(*arguments: str, production: str = "") -> Iterator[Terminal]:
        command = " ".join(("exec", SAGAZ, "replay", "batch", "--name Order", *GOOD, *arguments))
        with Terminal(
            ["sh", "-c", command], cwd=orders_store.parent, env={"SAGAZ_PRODUCTION": production}
        ) as terminal:
            yield terminal

    return open_terminal


def replays(command: Command) -> list[str]:
    """The replays that there are."""
    listed = command("sagas", "--format", "json").json
    return sorted(saga["saga_id"] for saga in listed if saga["parent_id"])


def recovered(command: Command) -> list[str]:
    """The sagas that a replay has brought to success."""
    listed = command("sagas", "--format", "json").json
    return [saga["saga_id"] for saga in listed if saga["recovered_by"] and not saga["parent_id"]]


ALL = ["order_1~r1", "order_2~r1", "order_3~r1"]


def test_it_shows_what_would_run_and_runs_it_when_told_so(opened: Open, command: Command) -> None:
    with opened() as terminal:
        screen = terminal.wait_for(ASKED)
        assert "would run  3" in screen
        assert "order_1  Order  charge  runs: charge, ship; again: reserve" in screen
        assert '~ /payment_token  "tok_expired" → "tok_new"' in screen
        assert replays(command) == []
        terminal.type("y\n")
        terminal.wait_for(r"succeeded +3")
        assert terminal.wait_for_end() == 0
    assert replays(command) == ALL


@pytest.mark.parametrize("answer", ["\n", "\x03"])
def test_without_a_yes_nothing_runs(opened: Open, command: Command, answer: str) -> None:
    with opened() as terminal:
        terminal.wait_for(ASKED)
        terminal.type(answer)
        assert terminal.wait_for_end() == 1
        assert "Traceback" not in terminal.text
    assert replays(command) == []


def test_in_production_the_number_has_to_be_typed(opened: Open, command: Command) -> None:
    with opened("--reason outage", production="PROD-EU") as terminal:
        screen = terminal.wait_for(IN_PRODUCTION)
        assert "PROD-EU is in production" in screen
        terminal.type("y\n")
        assert terminal.wait_for_end() == 1
        assert "nothing was run" in terminal.text
    assert replays(command) == []


def test_the_report_goes_to_a_file_and_the_question_to_the_terminal(
    opened: Open, command: Command, tmp_path: Path
) -> None:
    into = "--reason outage --format json > report.json"
    with opened(into, production="PROD-EU") as terminal:
        terminal.wait_for(IN_PRODUCTION)
        terminal.type("3\n")
        assert terminal.wait_for_end() == 0
    assert json.loads((tmp_path / "report.json").read_text())["succeeded"] == 3
    assert replays(command) == ALL


def test_a_bar_shows_how_far_it_is_how_fast_and_what_failed(opened: Open, tmp_path: Path) -> None:
    rows = "saga_id,payment_token\norder_2,tok_expired\n"
    (tmp_path / "each.csv").write_text(rows)
    with opened("--override-file each.csv --yes --no-canary --concurrency 1 --rate 2") as terminal:
        terminal.wait_for(r"replaying .*2/3 .*/s, 1 failed")
        assert terminal.wait_for_end() == 1


def test_a_saga_removed_while_the_question_stands_is_not_run(
    opened: Open, orders_store: Path, command: Command
) -> None:
    async def remove() -> None:
        async with SQLiteSnapshotStorage(orders_store) as storage:
            await storage.backend.delete(["order_2"])

    with opened() as terminal:
        terminal.wait_for(ASKED)
        asyncio.run(remove())
        terminal.type("y\n")
        terminal.wait_for(r"succeeded +2")
        assert terminal.wait_for_end() == 0
    assert replays(command) == ["order_1~r1", "order_3~r1"]


def test_a_terminal_that_is_closed_stops_no_batch(opened: Open, command: Command) -> None:
    with opened("--yes --no-canary --concurrency 1 --rate 2") as terminal:
        terminal.wait_for("1/3")
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), terminal.process.child_fd)
        deadline = time.monotonic() + 30
        while len(recovered(command)) < 3:
            assert time.monotonic() < deadline, recovered(command)
            time.sleep(0.05)
