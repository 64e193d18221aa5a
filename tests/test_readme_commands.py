"""The commands that the README prints are there, and do what it says of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.__main__ import run
from tests.end_to_end import shop

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PRINTED = re.findall(r"^\$ sagaz (.+)$", README, re.MULTILINE)
ROWS = re.findall(r"^\| `sagaz ([a-z][^`]*)` \| (.+) \|$", README, re.MULTILINE)
ORDER = "order_8841"
TRIED = {
    "tui [ID]": f"tui {ORDER}",
    "sagas": "sagas --status failed --name 'Order*' --prefix order_ --since 7h --limit 3",
    "show ID": f"show {ORDER}",
    "diff ID A B": f"diff {ORDER} 1 3",
    "blame ID KEY": f"blame {ORDER} payment_token",
    "compare A B": f"compare {ORDER} order_8830",
    "lineage ID": f"lineage {ORDER}",
    "search ID EXPRESSION": f"search {ORDER} 'context.amount > 100'",
    "replay time-travel ID --at TIME": f"replay time-travel {ORDER} --at 2999-01-01T00:00:00Z",
    "replay list-changes ID": f"replay list-changes {ORDER} --limit 3",
    "replay history ID": f"replay history {ORDER}",
    "audit replays": f"audit {ORDER} --format jsonl",
    "audit verify": f"audit verify {ORDER}",
    "audit events ID": f"audit events {ORDER}",
    "audit report ID --at TIME": f"audit report {ORDER} --at 2999-01-01T00:00:00Z",
    "copy --from URL --to URL": "copy --from sqlite:///orders.db --to sqlite:///new.db",
    "prune": "prune --dry-run",
    "doctor": "doctor --deep",
    "config": "config",
}
"""What is typed for a row of the table; those that act are tried by what the README prints."""

Type = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def sagaz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Type:
    """Types a command in a folder of its own; returns its exit code and what it wrote."""
    for name in [name for name in os.environ if name.startswith("SAGAZ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def type_in(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(shlex.split(line))
        return code, *capsys.readouterr()

    return type_in


@pytest.fixture
def demo(recorded_demo: Path, tmp_path: Path) -> None:
    """The demo's store and settings in that folder."""
    shutil.copytree(recorded_demo, tmp_path, dirs_exist_ok=True)


@pytest.mark.usefixtures("demo")
def test_the_replay_that_it_prints_is_planned_rehearsed_and_done(sagaz: Type) -> None:
    planned, rehearsed, done = [line for line in PRINTED if line.startswith("replay run")]
    code, out, _ = sagaz(planned)
    assert (code, "charge_payment" in out) == (0, True)
    assert sagaz(rehearsed)[0] == 0
    assert "never replayed" in "".join(sagaz(f"replay history {ORDER}")[1:])
    code, out, _ = sagaz(done)
    assert (code, f"{ORDER}~r1" in out) == (0, True)
    assert "new card" in sagaz(f"replay history {ORDER}")[1]


def test_the_batch_that_it_prints_is_looked_at_run_and_gone_on_with(
    sagaz: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        async with SQLiteSnapshotStorage("sagaz.db") as storage:
            for number in "12":
                context = {"order_id": number, "gateway": "main"}
                saga = shop.ShopSaga(context, saga_id=f"order_{number}", snapshot_storage=storage)
                await saga.execute()

    asyncio.run(fail())
    for sign in ("gateway-up", "gateway-answers"):
        (tmp_path / sign).touch()
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.end_to_end.shop")
    look, go, resume = [line for line in PRINTED if line.startswith("replay batch")]
    code, out, _ = sagaz(look)
    assert code == 0
    assert re.search(r"would run +2\b", out)
    code, out, err = sagaz(f"{go} --yes")
    assert code == 0
    assert re.search(r"succeeded +2\b", out)
    batch_id = json.loads(err.splitlines()[-1])["batch_id"]
    code, out, _ = sagaz(re.sub(r"batch-\S+", batch_id, resume))
    assert code == 0
    assert re.search(r"succeeded +2\b", out)


@pytest.mark.usefixtures("demo")
def test_every_command_of_its_table_that_only_looks_does_so_on_the_demo(sagaz: Type) -> None:
    assert TRIED.keys() <= {usage for usage, _ in ROWS}
    for usage, line in TRIED.items():
        code, out, err = sagaz(line)
        if usage.startswith("tui"):
            assert (code, "sagaz show" in err) == (2, True), err
        else:
            # The demo is not encrypted, so that nothing of it can be verified.
            assert code == (1 if usage.startswith("audit verify") else 0), (line, err)
            assert out or err, line


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every command of the program, and the options that it takes."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))
    yield " ".join(words), {option for each in command.params for option in each.opts}


def test_it_names_every_command_and_no_option_that_is_not_there() -> None:
    from sagaz_tui.cli.program import app

    options = dict(commands(typer.main.get_command(app)))
    assert [name for name in options if f"`sagaz {name}".rstrip() not in README] == []
    for usage, told in ROWS:
        name = " ".join(re.findall(r"^[a-z-]+|(?<= )[a-z]+[a-z-]*(?= |$)", usage))
        assert name in options, usage
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", f"{usage} {told}"))
        assert named <= options[name], (usage, named - options[name])
    section = README[README.index("## The command line") : README.index("## Settings")]
    named = set(re.findall(r"(?<=`)--[a-z][a-z-]*", section))
    assert named <= set().union(*options.values())
