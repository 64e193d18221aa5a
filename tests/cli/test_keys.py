"""``sagaz keys`` and ``sagaz forget`` on a real file, with keys from the environment."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pexpect
import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.end_to_end.terminal import SAGAZ

OLD, NEW = b"o" * 32, b"n" * 32


def ring(**keys: bytes) -> str:
    return ",".join(f"{key_id}={base64.b64encode(key).decode()}" for key_id, key in keys.items())


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sagaz.db"
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card"], key_provider=KeyRing({"old": OLD})
    )

    async def fill() -> None:
        async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
            for saga_id, customer in (("o1", "42"), ("o2", "42"), ("o3", "7")):
                writer = storage.writer(
                    saga_id=saga_id, saga_name="Order", tags={"customer": customer}
                )
                from sagaz_core.storage.capture import capture

                context = {"card": "4111", "city": f"city of {customer}"}
                snapshot = SagaSnapshot(
                    saga_id=saga_id, saga_name="Order", context=context, status="completed"
                )
                await writer.append(capture(snapshot))

    asyncio.run(fill())
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
    return path


def test_rotating_brings_all_under_the_current_key(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = command("keys", "list", "--storage-url", str(store), "--format", "json").json
    under = {"key": "old", "sagas": 3, "others": 1, "at_hand": True, "current": True}
    assert listed == [under]
    monkeypatch.setenv("SAGAZ_KEYS", ring(new=NEW, old=OLD))
    assert "old  3      1       needed" in command("keys", "list", "--storage-url", str(store)).out
    for flags in ((), ("--reencrypt",)):
        done = command("keys", "rotate", *flags, "--storage-url", str(store), "--format", "json")
        assert (done.code, done.json["rotated"], done.json["failed"]) == (0, 3, [])
    told = command("keys", "list", "--storage-url", str(store)).out
    assert "new  3      1       current" in told
    assert "old  0      0       no longer needed" in told
    monkeypatch.delenv("SAGAZ_KEYS")
    told = command("keys", "list", "--storage-url", str(store)).out
    assert "new  3      1       not at hand" in told
    refused = command("keys", "rotate", "--storage-url", str(store))
    assert (refused.code, refused.out) == (4, "")
    assert "give the keys, the new one first" in refused.err


def test_what_is_forgotten_by_tag_is_gone_and_the_rest_is_not(
    command: Command, store: Path
) -> None:
    # A script has nobody to ask.
    done = command("forget", "--tag", "customer=42", "--storage-url", str(store))
    assert done.code == 0
    assert "done" in done.out
    assert "2 families" in done.out
    assert b"city of 42" not in b"".join(file.read_bytes() for file in store.parent.iterdir())
    assert command("show", "o3", "--storage-url", str(store)).code == 0
    shown = command("show", "o1", "--storage-url", str(store))
    assert shown.code == 3
    assert "saga 'o1' was forgotten on" in shown.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name a saga, or families by --tag"),
        (["o1", "--tag", "a=b"], 2, "one of the two"),
        (["nobody", "--yes"], 3, "nobody"),
        (["--tag", "customer=nobody", "--yes"], 1, "nothing was forgotten"),
        (["--tag", "customer", "--yes"], 2, "is no tag"),
    ],
)
def test_what_cannot_be_forgotten_is_said_in_a_sentence(
    command: Command, store: Path, arguments: list[str], code: int, words: str
) -> None:
    refused = command("forget", *arguments, "--storage-url", str(store))
    assert (refused.code, refused.out) == (code, "")
    assert words in refused.err


def test_on_a_terminal_it_names_what_would_be_erased_and_asks(store: Path) -> None:
    arguments = ["forget", "--tag", "customer=42", "--storage-url", str(store)]
    with pexpect.spawn(SAGAZ, arguments, cwd=str(store.parent), timeout=60) as tty:
        tty.expect(r"erase 2 families for ever, with all replays: o\d, o\d\? \[y/N\]")
        tty.sendline("n")
        tty.expect("nothing was forgotten")
        tty.expect(pexpect.EOF)
    assert tty.exitstatus == 1
