"""The new value of a secret is given to a replay without anybody else seeing it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pexpect
import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.replay.overrides import Override
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.secret_shop import OLD, SecretShopOrder
from tests.cli.test_keys import OLD as KEY
from tests.cli.test_keys import ring

NEW = "4222-2222-2222-2222"
REPLAY = ("replay", "run", "o1", "--from-step", "charge")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store in which one order failed, and with its settings."""
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card"], key_provider=KeyRing({"old": KEY})
    )

    async def fill() -> None:
        path = tmp_path / "sagaz.db"
        async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
            await SecretShopOrder({"card": OLD}, saga_id="o1", snapshot_storage=storage).execute()

    asyncio.run(fill())
    (tmp_path / "sagaz.toml").write_text(
        'sagas = ["tests.cli.secret_shop"]\n'
        'compliance = { encrypt = true, sensitive_fields = ["card"] }\n'
    )
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=KEY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def charged(folder: Path) -> str:
    return (folder / "charged").read_text()


def test_it_may_come_from_the_environment_or_a_file_and_is_nowhere_afterwards(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_CARD", NEW)
    done = command(*REPLAY, "--secret", "card=NEW_CARD")
    assert (done.code, charged(folder)) == (0, NEW)
    (folder / "card").write_text(NEW)
    again = command(*REPLAY, "--override", "card=@card", "--again")
    assert again.code == 0
    for written in (done.out, done.err, again.out, again.err):
        assert NEW not in written
        assert "warning" not in written
    assert NEW.encode() not in b"".join(file.read_bytes() for file in folder.glob("sagaz.db*"))


def test_from_the_command_line_it_works_with_a_warning(command: Command, folder: Path) -> None:
    buyer = f'buyer:={{"card": "{NEW}"}}'
    given = (f"card={NEW}", "note=urgent", buyer)
    done = command(*REPLAY, *(word for text in given for word in ("--override", text)))
    assert (done.code, charged(folder)) == (0, NEW)
    assert done.err.count("warning") == 2
    assert "the new value of /card is a secret, and others on this machine can read it" in done.err
    assert "the new value of /buyer holds a secret" in done.err
    assert "say --override /buyer=@FILE" in done.err
    assert NEW not in done.out + done.err


def test_what_the_settings_call_no_secret_is_said_to_be_kept_as_none(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_CARD", NEW)
    asked = ("--secret", "card=NEW_CARD", "--secret", "note=NEW_CARD")
    done = command(*REPLAY, *asked, "--dry-run")
    assert done.code == 0
    assert done.err.count("warning") == 1
    assert "/note is none of the sensitive_fields in the settings" in done.err


def test_typed_on_a_terminal_it_is_not_echoed(folder: Path) -> None:
    program = str(Path(sys.executable).parent / "sagaz")
    with pexpect.spawn(program, [*REPLAY, "--secret", "card"], cwd=str(folder), timeout=60) as tty:
        tty.expect("/card: ")
        tty.waitnoecho()
        tty.sendline(NEW)
        tty.expect(pexpect.EOF)
        written = tty.before
    assert tty.exitstatus == 0
    assert charged(folder) == NEW
    assert NEW.encode() not in written


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--secret", "card=NO_SUCH"), "there is no variable NO_SUCH in the environment"),
        (("--secret", "card"), "there is no terminal to type it on; name a variable"),
    ],
)
def test_where_it_cannot_be_had_nothing_runs(
    command: Command, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    refused = command(*REPLAY, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert words in refused.err
    assert not (folder / "charged").exists()


def test_no_traceback_shows_an_overrides_value() -> None:
    assert NEW not in repr(Override("/card", "=", NEW))
