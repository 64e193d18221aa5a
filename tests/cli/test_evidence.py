"""``sagaz hold`` and the commands below ``sagaz audit`` that tell what is proven of a store."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig, KeyRing, SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.cli.command import Command

KEY = b"k" * 32
SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["ssn"], key_provider=KeyRing({"2026": KEY})
)


async def record(storage: SnapshotStorage) -> None:
    """Record a consent with a secret, one checkpoint of which somebody deleted, and another."""
    saved = []
    for number, (month, status) in enumerate(((7, "asked"), (8, "given")), start=1):
        saved.append(
            SagaSnapshot(
                saga_id="consent",
                saga_name="PatientConsent",
                kind="before_step",
                step_name=f"step {number}",
                status="failed" if number == 2 else "executing",
                context={"consent_status": status, "ssn": "078-05-1120", "note": "[b]x[/b]\x1b"},
                created_at=datetime(2024, month, 1, tzinfo=UTC),
            )
        )
        await storage.save_snapshot(saved[-1])
    await storage.save_snapshot(SagaSnapshot(saga_id="other", saga_name="PatientConsent"))
    await storage.record_event("consent", "revealed", by="ada@clinic", details={"paths": ["ssn"]})


def made(path: Path, compliance: ComplianceConfig | None) -> Path:
    async def make() -> None:
        async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
            await record(storage)

    asyncio.run(make())
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    made(folder / "encrypted.db", SECRETS)
    made(folder / "plain.db", None)
    return folder


@pytest.fixture
def store(stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An encrypted store, its key at hand."""
    monkeypatch.setenv("SAGAZ_KEYS", f"2026={base64.b64encode(KEY).decode()}")
    return Path(shutil.copy(stores / "encrypted.db", tmp_path / "sagaz.db"))


@pytest.fixture
def plain(stores: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(stores / "plain.db", tmp_path / "sagaz.db"))


def change(store: Path, what: Callable[[SnapshotStorage], Awaitable[object]]) -> None:
    async def do() -> None:
        async with SQLiteSnapshotStorage(store, compliance=SECRETS) as storage:
            await what(storage)

    asyncio.run(do())


def run_sql(store: Path, sql: str) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        assert db.execute(sql).rowcount == 1


# ---------------------------------------------------------------- verifying


def test_a_store_that_is_as_it_was_written_is_verified(store: Path, command: Command) -> None:
    everything = command("audit", "verify")
    assert (everything.code, everything.out, everything.err) == (0, "2 verified\n", "")
    one = command("audit", "verify", "consent")
    assert one.out.splitlines() == [
        "consent  verified: all 2 checkpoints are as they were written",
        "1 verified",
    ]
    data = json.loads(command("audit", "verify", "consent", "--format", "json").out)
    assert [(each["saga_id"], each["status"], each["why"]) for each in data] == [
        ("consent", "verified", [])
    ]
    table = command("audit", "verify", "--format", "table").out.splitlines()
    assert table[0].split() == ["SAGA", "STATUS", "WHY"]
    assert command("audit", "verify", "nobody").code == 3


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("DELETE FROM record WHERE kind = 'audit'", "the audit trail of 'consent'"),
        (
            "UPDATE record SET body = CAST(substr(body, 1, length(body) - 1) || '.' AS BLOB) "
            "WHERE kind = 'audit'",
            "the last event",
        ),
        ("UPDATE entry SET hidden = 1 WHERE seq = 1 AND saga = 1", "checkpoint 1 is hidden"),
        ("UPDATE entry SET step = 'another' WHERE seq = 1 AND saga = 1", "checkpoint 1"),
    ],
    ids=["a whole trail", "an event", "hidden", "a checkpoint"],
)
def test_what_was_altered_is_told_and_fails(
    store: Path, command: Command, sql: str, why: str
) -> None:
    kept = command("audit", "verify", "--head")
    assert kept.code == 0
    heads = store.parent / "heads.jsonl"
    heads.write_text(kept.out, encoding="utf-8")
    assert command("audit", "verify", "--against", str(heads)).code == 0
    run_sql(store, sql)
    alone = command("audit", "verify")
    assert alone.code == 4
    assert why in alone.out
    found = command("audit", "verify", "--against", str(heads))
    assert found.code == 4
    assert "consent  tampered: " in found.out
    assert "1 verified, 1 tampered" in found.out


def test_a_store_that_was_put_back_is_found_out_by_its_heads(store: Path, command: Command) -> None:
    older = store.read_bytes()
    change(store, lambda s: s.save_snapshot(SagaSnapshot(saga_id="new", saga_name="S")))
    heads = store.parent / "heads.jsonl"
    heads.write_text(command("audit", "verify", "--head").out, encoding="utf-8")
    store.write_bytes(older)
    assert command("audit", "verify").code == 0
    found = command("audit", "verify", "--against", str(heads))
    assert (found.code, found.out.splitlines()) == (
        4,
        [
            "new  tampered: it was in the store and is gone, neither expired nor forgotten",
            "2 verified, 1 tampered",
        ],
    )
    heads.write_text("nothing\n", encoding="utf-8")
    assert command("audit", "verify", "--against", str(heads)).code == 2
    assert command("audit", "verify", "--against", "nowhere").code == 2
    assert command("audit", "verify", "--against", "nowhere", "--head").code == 2


def test_without_codes_or_keys_it_says_clearly_that_nothing_is_proven(
    plain: Path, command: Command
) -> None:
    found = command("audit", "verify")
    # It must not pass for proven where nobody reads what it says.
    assert (found.code, found.out) == (1, "2 unverified\n")
    assert "2 of 2 sagas could not be verified" in found.err
    assert command("audit", "report", "consent", "--at", "2024-07-15T14:30:00Z").code == 0
    one = command("audit", "verify", "consent").out
    assert "consent  unverified: it was recorded without encryption, so without codes" in one


# ---------------------------------------------------------------- the trail and the report


def test_the_trail_tells_what_was_done_and_by_whom(store: Path, command: Command) -> None:
    (head, line) = command("audit", "events", "consent").out.splitlines()
    assert head.split() == ["#", "TIME", "EVENT", "BY", "DETAILS"]
    assert "revealed" in line
    assert "ada@clinic" in line
    (event,) = json.loads(command("audit", "events", "consent", "--format", "json").out)
    assert (event["event"], event["details"]) == ("revealed", {"paths": ["ssn"]})
    assert command("audit", "events", "other").out == ""
    assert command("audit", "events", "nobody").code == 3


def test_a_report_tells_how_a_saga_stood_at_a_date(store: Path, command: Command) -> None:
    asked = ("audit", "report", "consent", "--at", "2024-07-15T14:30:00Z")
    text = command(*asked)
    assert text.code == 0
    for part in ("PatientConsent", "verified: all 2", "asked", "‹secret 11ch", "revealed"):
        assert part in text.out
    assert "078-05-1120" not in text.out
    assert "\x1b" not in text.out
    data = json.loads(command(*asked, "--key", "consent_status", "--format", "json").out)
    assert (data["saga_id"], data["status"], data["context"]) == (
        "consent",
        "executing",
        {"consent_status": "asked"},
    )
    assert data["evidence"]["status"] == "verified"
    assert [event["event"] for event in data["events"]] == ["revealed"]
    assert command("audit", "report", "consent", "--at", "2023-01-01").code == 3
    assert command(*asked, "--key", "nothing").code == 3
    run_sql(store, "UPDATE entry SET hidden = 1 WHERE seq = 2 AND saga = 1")
    assert command(*asked).code == 4


# ---------------------------------------------------------------- holds


def test_a_family_is_held_and_let_go(plain: Path, command: Command) -> None:
    assert command("hold").err == "sagaz: nothing is held\n"
    held = command("hold", "consent", "--reason", "lawsuit 4711")
    assert (held.code, held.err) == (0, "sagaz: the family of consent is held\n")
    (head, line) = command("hold").out.splitlines()
    assert head.split() == ["FAMILY", "SINCE", "BY", "WHY"]
    assert "lawsuit 4711" in line
    (told,) = json.loads(command("hold", "--format", "json").out)
    assert (told["root_id"], told["reason"]) == ("consent", "lawsuit 4711")

    assert "lawsuit 4711" in command("show", "consent").out
    shown = json.loads(command("show", "consent", "--format", "json").out)
    assert shown["hold"]["reason"] == "lawsuit 4711"
    assert "the family of consent is held since" in command("audit", "consent").err
    refused = command("forget", "consent", "--yes")
    assert refused.code == 1
    assert "sagaz hold consent --release" in refused.err

    assert command("hold", "consent", "--release").code == 0
    again = command("hold", "consent", "--release")
    assert (again.code, again.err) == (1, "sagaz: the family of consent was not held\n")
    events = json.loads(command("audit", "events", "consent", "--format", "json").out)
    assert [each["event"] for each in events] == ["revealed", "held", "released"]
    assert command("show", "consent", "--format", "json").out.count('"hold": null') == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("consent",), 2),
        (("consent", "--reason", " "), 2),
        (("consent", "--reason", "why", "--release"), 2),
        (("--reason", "why"), 2),
        (("nobody", "--reason", "why"), 3),
    ],
)
def test_a_hold_that_is_not_told_whole_is_refused(
    plain: Path, command: Command, arguments: tuple[str, ...], code: int
) -> None:
    assert command("hold", *arguments).code == code


def test_what_is_no_command_of_audit_is_asked_of_its_listing(plain: Path, command: Command) -> None:
    listed = command("audit", "consent")
    assert (listed.code, listed.err) == (0, "sagaz: no replay matches\n")
    assert command("audit", "replays", "consent") == listed
    assert command("audit", "--since", "2h").code == 0
    assert "verify" in command("audit", "--help").out
    assert command("audit", "replays", "verify").code == 3
