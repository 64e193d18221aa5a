"""A secret is shown as it is only to who asks for that one, and that is put on record."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.errors import NotAllowedError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.audit_trail import AuditEvent
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui import opening
from sagaz_tui.settings import load_settings
from tests.cli.command import Command
from tests.cli.test_keys import OLD, ring

CARD, TOKEN = "4111-1111-1111-1111", "tok_8f3a"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sagaz.db"
    compliance = ComplianceConfig(
        enable_encryption=True,
        sensitive_fields=["card", "token"],
        key_provider=KeyRing({"old": OLD}),
    )

    async def fill() -> None:
        async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
            for number in (1, 2):
                context = {"card": f"{CARD}/{number}", "pay": {"token": TOKEN}, "n": number}
                await storage.save_snapshot(
                    SagaSnapshot(saga_id="o1", saga_name="Order", context=context)
                )

    asyncio.run(fill())
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
    return path


def events(path: Path) -> list[AuditEvent]:
    async def read() -> list[AuditEvent]:
        async with SQLiteSnapshotStorage(path, read_only=True) as storage:
            return await storage.list_audit_events("o1")

    return asyncio.run(read())


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "o1"),
        ("replay", "time-travel", "o1", "--at", "2100-01-01T00:00:00Z"),
        ("diff", "o1", "1", "2"),
        ("blame", "o1", "card"),
    ],
)
def test_only_the_one_that_is_asked_for_is_shown(
    command: Command, store: Path, arguments: tuple[str, ...]
) -> None:
    masked = command(*arguments, "--storage-url", str(store))
    assert masked.code == 0
    assert CARD not in masked.out + masked.err
    assert "‹secret 21ch ·" in masked.out
    assert events(store) == []
    for format in ("text", "json"):
        shown = command(
            *arguments, "--reveal", "/card", "--storage-url", str(store), "--format", format
        )
        assert f"{CARD}/2" in shown.out
        assert TOKEN not in shown.out
    assert [each.event for each in events(store)] == ["revealed", "revealed"]
    assert events(store)[0].details == {"paths": ["/card"]}


def test_where_the_settings_forbid_it_nothing_is_shown_or_recorded(
    command: Command, store: Path
) -> None:
    (store.parent / "sagaz.toml").write_text('allow = ["view", "replay"]')
    refused = command("show", "o1", "--reveal", "card", "--storage-url", str(store))
    assert (refused.code, refused.out) == (1, "")
    assert "the settings do not allow to reveal here; they allow to view, replay" in refused.err
    assert events(store) == []


def test_without_the_key_it_says_so_and_the_rest_can_be_shown(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGAZ_KEYS")
    (store.parent / "sagaz.toml").write_text('compliance = { sensitive_fields = ["card"] }')
    assert command("show", "o1", "--storage-url", str(store)).code == 0
    refused = command("show", "o1", "--reveal", "card", "--storage-url", str(store))
    assert (refused.code, refused.out) == (4, "")
    assert "/card of saga 'o1' cannot be decrypted: its key" in refused.err
    assert events(store) == []


def test_keys_may_come_from_a_pipe(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.write(writing, ring(old=OLD).encode())
    os.close(writing)
    monkeypatch.delenv("SAGAZ_KEYS")
    monkeypatch.setenv("SAGAZ_KEY_FILE", f"/dev/fd/{reading}")
    shown = command("show", "o1", "--reveal", "card", "--storage-url", str(store))
    os.close(reading)
    assert f"{CARD}/2" in shown.out


@pytest.mark.parametrize("path", ["/nope", "/n", "/pay"])
def test_where_no_secret_is_it_says_so(command: Command, store: Path, path: str) -> None:
    shown = command("show", "o1", "--reveal", path, "--storage-url", str(store))
    assert (shown.code, shown.out) == (3, "")
    assert f"no secret of 'o1' is at {path} there; name the whole path of one" in shown.err


def test_a_wrong_key_leaves_nothing_on_record_that_nobody_could_have_checked(
    command: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=b"n" * 32))
    for arguments in (
        ("show", "o1", "--reveal", "card"),
        ("export", "o1", "--unmasked", "-o", "x"),
    ):
        refused = command(*arguments, "--storage-url", str(store))
        assert (refused.code, refused.out) == (4, "")
        assert "of saga 'o1' cannot be decrypted: its key does not" in refused.err
    assert events(store) == []


def test_where_the_settings_forbid_to_view_nothing_is_listed_exported_or_opened(
    command: Command, store: Path
) -> None:
    (store.parent / "sagaz.toml").write_text('allow = ["replay"]')
    for arguments in (("sagas",), ("show", "o1"), ("export", "o1", "-o", "o1.sagaz")):
        refused = command(*arguments, "--storage-url", str(store))
        assert (refused.code, refused.out) == (1, "")
        assert "the settings do not allow to view here" in refused.err
    with pytest.raises(NotAllowedError):
        opening.run_screen(load_settings(storage_url=str(store)))
