"""``sagaz audit`` and ``sagaz replay history``: who replayed what, why, and what came of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.model import PlannedOverride, ReplayLogEntry, SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from tests.cli.command import Command
from tests.cli.shop import HOSTILE, record_shop

EARLY = datetime(2024, 12, 15, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture
def store(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


@pytest.fixture
def replayed(store: Path, command: Command) -> Path:
    """A store in which ``order_1`` was replayed twice, the second time well."""
    run = ("replay", "run", "order_1", "--from-step", "charge")
    assert command(*run, "--reason", "try again").code == 1
    more = ("--override", "payment_token=tok_new", "--reason", "new card", "--request-id", "t-7")
    assert command(*run, *more).code == 0
    return store


def write(store: Path, what: Callable[[SQLiteSnapshotStorage], Coroutine[Any, Any, None]]) -> None:
    async def do() -> None:
        async with SQLiteSnapshotStorage(store) as storage:
            await what(storage)

    asyncio.run(do())


def log(store: Path, number: int, **fields: Any) -> None:
    """Write a line of the replay log, as a replay would."""
    entry = ReplayLogEntry(
        **{
            "replay_id": f"order_1~r{number}",
            "original_saga_id": "order_1",
            "from_step": "charge",
            "snapshot_id": None,
            "sequence": 3,
            "started_at": EARLY + timedelta(days=number),
            "finished_at": EARLY + timedelta(days=number, seconds=90),
            "outcome": "success",
            **fields,
        }
    )
    write(store, lambda storage: storage.save_replay_log(entry))


def told(command: Command, *arguments: str) -> list[dict[str, Any]]:
    done = command("audit", *arguments, "--format", "jsonl")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def ids(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["replay_id"] for entry in entries]


# ---------------------------------------------------------------- what is told


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize("arguments", [("audit",), ("replay", "history", "order_1")])
def test_it_tells_who_when_why_with_what_by_which_plan_and_what_came_of_it(
    command: Command, arguments: tuple[str, ...]
) -> None:
    second, first = command(*arguments).out.split("order_1~r1")
    digest = told(command)[0]["plan_digest"]
    assert second.startswith("order_1~r2  success  20")
    for words in (
        "of order_1 (Order) from charge #2",
        ": new card",
        "request t-7",
        '~ /payment_token  "tok_expired" → "tok_new"',
        "runs again: reserve",
        f"plan {digest}",
    ):
        assert words in second
    assert "  failed  20" in first
    assert ": try again" in first
    assert "error: charge: PermissionError: token expired" in first
    assert "request" not in first


@pytest.mark.usefixtures("replayed")
def test_a_line_of_json_has_it_all_and_an_overridden_value_stands_in_one_place(
    command: Command,
) -> None:
    second, first = told(command)
    assert (second["outcome"], first["outcome"]) == ("success", "failed")
    assert second["override"] == [
        {"path": "/payment_token", "before": "tok_expired", "after": "tok_new"}
    ]
    assert second["runs_again"] == ["reserve"]
    assert second["plan"]["digest"] == second["plan_digest"]
    assert second["plan"]["overrides"][0]["path"] == "/payment_token"
    assert json.dumps(second).count("tok_new") == 1
    assert 0 <= second["seconds"] < 60
    assert first["error_message"] == "charge: PermissionError: token expired"
    history = command("replay", "history", "order_1", "--format", "json").json
    assert history == [second, first]


@pytest.mark.usefixtures("replayed")
def test_a_table_has_a_row_for_each(command: Command) -> None:
    for arguments in (("audit",), ("replay", "history", "order_1")):
        head, second, first = command(*arguments, "--format", "table").out.splitlines()
        assert head.split()[:4] == ["REPLAY", "STARTED", "TOOK", "FROM"]
        assert second.startswith("order_1~r2")
        assert first.startswith("order_1~r1")


def test_it_can_be_narrowed(command: Command, replayed: Path) -> None:
    log(replayed, 8, initiated_by="eve@bastion")
    log(replayed, 9, original_saga_id="order_2", replay_id="order_2~r1")
    assert ids(told(command)) == ["order_1~r2", "order_1~r1", "order_2~r1", "order_1~r8"]
    assert ids(told(command, "order_2")) == ["order_2~r1"]
    assert ids(told(command, "order_1~r1")) == ["order_1~r2", "order_1~r1", "order_1~r8"]
    assert ids(told(command, "--by", "EVE")) == ["order_1~r8"]
    assert ids(told(command, "--outcome", "failed")) == ["order_1~r1"]
    assert ids(told(command, "--since", "1h")) == ["order_1~r2", "order_1~r1"]
    span = ("--since", "2024-12-24T00:00:00Z", "--until", "2024-12-24T23:59:59Z")
    assert ids(told(command, *span)) == ["order_2~r1"]


def test_where_nothing_matches_it_says_so(command: Command, store: Path) -> None:
    assert store.exists()
    done = command("audit", "--by", "nobody")
    assert (done.code, done.out, done.err) == (0, "", "sagaz: no replay matches\n")
    assert "no saga 'order_9'" in command("audit", "order_9").err
    assert command("audit", "order_9").code == 3
    assert command("audit", "--since", "whenever").code == 2
    assert command("audit", "--format", "xml").code == 2


# ---------------------------------------------------------------- interrupted replays


def test_an_interrupted_replay_is_told_with_how_to_go_on(command: Command, store: Path) -> None:
    log(store, 1, outcome="running", finished_at=None, plan={"root_id": "order_1"})

    async def begin_and_die(storage: SQLiteSnapshotStorage) -> None:
        lease = await storage.acquire_lease("order_1", owner="eve", holder="order_1~r1")
        writer = storage.writer(
            saga_id="order_1~r1", saga_name="Order", root_id="order_1", fence=lease.fence
        )
        await writer.append(capture(SagaSnapshot(saga_id="order_1~r1", saga_name="Order")))
        await lease.release()

    done = command("replay", "history", "order_1")
    assert "order_1~r1  interrupted  " in done.out
    assert "it was stopped before anything ran" in done.out
    write(store, begin_and_die)
    for arguments in (("audit",), ("replay", "history", "order_1")):
        done = command(*arguments)
        assert "order_1~r1  interrupted  " in done.out
        assert "nobody runs it any more; go on with `sagaz resume 'order_1~r1'`" in done.out
    assert ids(told(command, "--outcome", "interrupted")) == ["order_1~r1"]
    assert told(command, "--outcome", "running") == []


# ---------------------------------------------------------------- for a spreadsheet


def test_csv_has_a_line_a_replay_and_nothing_that_a_spreadsheet_would_calculate(
    command: Command, store: Path
) -> None:
    signs = "=+-@＝＋－＠"
    for number, sign in enumerate(signs):
        log(
            store,
            number,
            initiated_by=f"{sign}HYPERLINK(1)",
            reason=f"{sign}cmd|' /C calc'!A0",
            error_message=f'two\nlines; and "{HOSTILE}',
            override=(PlannedOverride(path="/note", before=HOSTILE, after=-1),),
        )
    done = command("audit", "--format", "csv")
    lines = done.out.splitlines()
    assert len(lines) == 1 + len(signs)
    assert done.out.replace("\n", "").isprintable()
    assert all(line.startswith('"') and '","' in line for line in lines)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    for row, sign in zip(rows, reversed(signs), strict=True):
        assert row["initiated_by"] == f"'{sign}HYPERLINK(1)"
        assert row["reason"] == f"'{sign}cmd|' /C calc'!A0"
        assert row["error_message"].startswith('two\\nlines; and "')
        (change,) = json.loads(row["override"])
        assert (change["path"], change["before"], change["after"]) == ("/note", HOSTILE, -1)
        assert not any(cell.startswith(tuple(signs)) for cell in row.values())
    assert (rows[0]["seconds"], rows[0]["sequence"]) == ("90.0", "3")


@pytest.mark.usefixtures("store")
def test_csv_of_nothing_has_its_header(command: Command) -> None:
    done = command("audit", "--format", "csv")
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert done.out.startswith('"started_at","finished_at",')


@pytest.mark.parametrize("format", ["text", "table", "jsonl"])
def test_nothing_of_a_log_reaches_the_terminal_unescaped(
    command: Command, store: Path, format: str
) -> None:
    change = PlannedOverride(path=f"/{HOSTILE}", before=HOSTILE, after=None)
    names = {"initiated_by": HOSTILE, "reason": HOSTILE, "error_message": HOSTILE}
    log(store, 1, override=(change,), from_step=HOSTILE, request_id=HOSTILE, **names)
    done = command("audit", "--format", format)
    assert done.code == 0
    assert done.out.count("owned") >= 5
    assert done.out.replace("\n", "").isprintable()
    if format == "jsonl":
        assert json.loads(done.out)["reason"] == HOSTILE
