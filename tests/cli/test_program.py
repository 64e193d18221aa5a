"""The program starts fast, says what it offers, and ends with the code that fits."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.shop import record_shop

HEAVY = (
    "aiosqlite",
    "asyncio",
    "ormsgpack",
    "pydantic",
    "redis",
    "rich",
    "sagaz_core.model",
    "textual",
    "zstandard",
)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; from sagaz_tui.__main__ import run; code = run(['--help']); "
        f"print('LOADED', sorted(set(sys.modules) & {set(HEAVY)!r}), code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


def test_help_takes_at_most_two_and_a_half_times_as_long_as_importing_typer(
    tmp_path: Path,
) -> None:
    # The best of some rounds: a busy machine only ever makes one slower.
    rounds = [(_seconds(tmp_path, "-c", "import typer"), _help_seconds(tmp_path)) for _ in range(5)]
    typer, sagaz = map(min, zip(*rounds, strict=True))
    assert sagaz <= 2.5 * typer


def _help_seconds(folder: Path) -> float:
    return _seconds(folder, str(Path(sys.executable).parent / "sagaz"), "--help")


def _seconds(folder: Path, *arguments: str) -> float:
    """Processor time: what else this machine does takes none of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_without_arguments_and_without_a_terminal_it_prints_its_help(command: Command) -> None:
    done = command()
    assert done.code == 0
    assert "time-travel debugger" in done.out
    for name in ("sagas", "show", "diff", "blame", "replay", "tui", "demo", "config"):
        assert f"\n  {name} " in done.out


@pytest.mark.parametrize("arguments", [["nope"], ["show"], ["sagas", "--limit", "0"], ["--bad"]])
def test_wrong_usage_ends_with_2_and_a_word(command: Command, arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "Error" in done.err


def test_the_screen_without_a_terminal_names_the_command_for_text(command: Command) -> None:
    done = command("tui")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "sagaz: this is no terminal, so the screen cannot open; `sagaz sagas` shows it as text\n"
    )
    assert "`sagaz show order_1`" in command("tui", "order_1").err


@pytest.mark.parametrize("arguments", [(), ("tui",)])
def test_a_terminal_that_cannot_move_its_cursor_gets_the_command_for_text(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "TERM is dumb" in done.err
    assert "`sagaz sagas` shows it as text" in done.err


def test_the_screen_on_a_missing_store_or_saga_says_so_before_it_takes_the_terminal(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    done = command()
    assert (done.code, done.out) == (4, "")
    assert "sagaz.db" in done.err
    assert list(tmp_path.iterdir()) == []
    asyncio.run(record_shop(tmp_path / "sagaz.db"))
    done = command("tui", "order_9")
    assert (done.code, done.out) == (3, "")
    assert "no saga 'order_9'" in done.err


def test_config_shows_each_value_and_where_it_came_from(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sagaz.toml").write_text(
        'sagas = ["shop"]\nfactories = { A = "shop:make" }\n'
        'compliance = { encrypt = true, sensitive_fields = ["ssn", "/cards/*/cvv"] }'
    )
    monkeypatch.setenv("SAGAZ_PRODUCTION", "EU\x1b[2J")
    key = base64.b64encode(b"k" * 32).decode()
    monkeypatch.setenv("SAGAZ_KEYS", f"2027={key},2026={key}")
    done = command("config", "--storage-url", "redis://me:geheim@cache/0")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "redis://me:***@cache/0" in lines["storage_url"]
    assert lines["storage_url"].endswith("--storage-url")
    assert lines["sagas"].endswith(str(tmp_path / "sagaz.toml"))
    assert "A = shop:make" in lines["factories"]
    assert r"EU\x1b[2J" in lines["production"]
    assert lines["production"].endswith("environment SAGAZ_PRODUCTION")
    assert lines["read_only"].split() == ["read_only", "no", "default"]
    assert lines["allow"].split() == ["allow", "view,", "reveal,", "replay,", "delete", "default"]

    assert "encrypt = yes, sensitive_fields = ssn, /cards/*/cvv" in lines["compliance"]
    assert lines["encryption_keys"].split()[1:] == ["2027,", "2026", "environment", "SAGAZ_KEYS"]
    assert key not in done.out

    data = json.loads(command("config", "--format", "json").out)
    assert data["encryption_keys"] == {"value": ["2027", "2026"], "from": "environment SAGAZ_KEYS"}
    assert data["sagas"] == {"value": ["shop"], "from": str(tmp_path / "sagaz.toml")}


def test_a_wrong_settings_file_ends_with_2_and_names_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "sagaz.toml").write_text("colour = 1")
    done = command("sagas")
    assert done.code == 2
    assert done.err.startswith(f"sagaz: {tmp_path / 'sagaz.toml'}: unknown setting 'colour'")


def test_both_names_and_the_module_are_the_same_program(tmp_path: Path) -> None:
    bin_folder = Path(sys.executable).parent
    for start in (
        [bin_folder / "sagaz"],
        [bin_folder / "sagaz-tui"],
        [sys.executable, "-m", "sagaz_tui"],
    ):
        done = subprocess.run(
            [*start, "config"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=clean_environment(),
        )
        assert done.returncode == 0
        assert done.stdout.startswith("SETTING")


def test_a_reader_that_goes_away_is_met_in_silence(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "sagaz_tui", "config"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    os.close(writing)
    assert done.stderr == b""


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")}
