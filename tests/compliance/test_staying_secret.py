"""What is a secret stays one: whoever writes next, whatever it is made of, however it is told."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.errors import DecryptionError, UsageError
from sagaz_core.model import Masked, SagaSnapshot, StepError
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage

SSN = "078-05-1120"
OTHER = "219-09-9999"


def secrets(*fields: str, **changes: Any) -> ComplianceConfig:
    given: dict[str, Any] = {
        "enable_encryption": True,
        "sensitive_fields": fields or ("ssn",),
        "encryption_key": b"k" * 32,
        **changes,
    }
    return ComplianceConfig(**given)


def person(saga_id: str = "s", error: str | None = None, **context: Any) -> SagaSnapshot:
    return SagaSnapshot(
        saga_id=saga_id,
        saga_name="Staying",
        context=context,
        kind="before_step" if error is None else "step_failed",
        error=None if error is None else StepError("ValueError", error, error),
    )


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_without_a_key_nobody_goes_on_with_a_saga_that_has_one(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=secrets()) as storage:
        await storage.save_snapshot(person(ssn=SSN))
    async with SQLiteSnapshotStorage(tmp_path / "s.db") as storage:
        with pytest.raises(DecryptionError, match="give the keys"):
            await storage.save_snapshot(person(ssn=OTHER))
    assert OTHER.encode() not in bytes_in(tmp_path)


@pytest.mark.parametrize(
    "later",
    [secrets(enable_encryption=False), secrets("other"), secrets("other", enable_encryption=False)],
)
async def test_it_stays_encrypted_when_the_settings_no_longer_say_so(
    tmp_path: Path, later: ComplianceConfig
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=secrets()) as storage:
        await storage.save_snapshot(person(ssn=SSN, people=[{"ssn": SSN}]))
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=later) as storage:
        await storage.save_snapshot(person(ssn=OTHER, people=[{"ssn": OTHER, "age": 3}]))
        assert (await storage.get_checkpoint("s", 2)).context["ssn"] == OTHER
        assert (await storage.verify_saga("s")).status == "verified"
    assert SSN.encode() not in bytes_in(tmp_path)
    assert OTHER.encode() not in bytes_in(tmp_path)


async def test_items_of_a_set_are_encrypted_with_it(tmp_path: Path) -> None:
    context = {"numbers": {SSN}, "pairs": frozenset({(1, OTHER)}), "plain": {"x"}}
    compliance = secrets("/numbers/*", "/pairs/*/1")
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=compliance) as storage:
        await storage.save_snapshot(person(**context))
        await storage.save_snapshot(person(**context, more=1))
        shown = (await storage.masked.get_checkpoint("s", 2)).context
        assert isinstance(shown["numbers"], Masked)
        assert isinstance(shown["pairs"], Masked)
        assert shown["plain"] == {"x"}
        assert (await storage.get_checkpoint("s", 2)).context == {**context, "more": 1}
        assert isinstance(await storage.mask(("numbers",), {SSN}), Masked)
    assert SSN.encode() not in bytes_in(tmp_path)
    assert OTHER.encode() not in bytes_in(tmp_path)


async def test_a_number_that_python_does_not_write_is_encrypted_like_others() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    await storage.save_snapshot(person(ssn=10**5000))
    await storage.save_snapshot(person(ssn=[10**5000], error="too long"))
    assert (await storage.get_checkpoint("s", 1)).context["ssn"] == 10**5000
    assert isinstance((await storage.masked.get_checkpoint("s", 1)).context["ssn"], Masked)


HARD = 'pä"ss\\word\nsecond-line'


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (HARD, HARD),
        (HARD, json.dumps({"pw": HARD})),
        (HARD, json.dumps([HARD], ensure_ascii=False)),
        (HARD, ascii({"pw": HARD})),
        (HARD, "  | " + HARD.replace("\n", "\n  | ")),
        (b"\xffbinary-key", "got b'\\xffbinary-key'"),
        (b"\xffbinary-key", b"\xffbinary-key".hex()),
        (datetime(1990, 1, 2, tzinfo=UTC), "born 1990-01-02T00:00:00+00:00"),
    ],
)
async def test_an_error_does_not_tell_it_in_another_form(secret: Any, told: str) -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    await storage.save_snapshot(person(ssn=secret, error=told))
    error = (await storage.get_checkpoint("s", 1)).error
    assert error is not None
    for left in ("word", "second-line", "binary-key", "62696e617279", "1990-01-02"):
        assert left not in error.message + error.traceback


async def test_words_that_stand_beside_it_are_left() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    await storage.save_snapshot(person(ssn=["", "x", 42], error="'' and x and 42 and 1426"))
    error = (await storage.get_checkpoint("s", 1)).error
    assert error is not None
    assert error.message.startswith("'' and x and ‹secret 2ch")
    assert error.message.endswith("and 1426")


async def test_a_process_that_goes_on_knows_what_was_secret_before(tmp_path: Path) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=secrets()) as storage:
        await storage.save_snapshot(person(ssn=SSN))
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=secrets()) as storage:
        await storage.save_snapshot(person(ssn=SSN))
        await storage.save_snapshot(person(error=f"no {SSN}"))
        error = (await storage.get_checkpoint("s", 3)).error
    assert error is not None
    assert SSN not in error.message


async def test_a_saga_whose_key_was_taken_away_is_told_and_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path, compliance=secrets()) as storage:
        await storage.save_snapshot(person(ssn=SSN))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE saga SET wrapped_key = NULL, mac = NULL")
    for compliance in (secrets(), None):
        async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
            with pytest.raises(DecryptionError, match="/ssn of saga 's'"):
                await storage.get_checkpoint("s", 1)
            assert (await storage.verify_saga("s")).status == "tampered"


async def test_forgetting_one_saga_keeps_the_secrets_of_the_others_out_of_texts() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    await storage.save_snapshot(person("kept", ssn=SSN))
    await storage.save_snapshot(person("gone", ssn=OTHER))
    await storage.forget(["gone"], by="ada")
    assert SSN not in storage.strike("kept", f"no {SSN}")
    assert storage.strike("gone", OTHER) == OTHER


async def test_a_checkpoint_that_was_hidden_is_told_where_the_history_is_verified() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    snapshot = person(ssn=SSN)
    await storage.save_snapshot(snapshot)
    await storage.save_snapshot(person(ssn=OTHER))
    await storage.delete_snapshot(snapshot.snapshot_id)
    found = await storage.verify_saga("s")
    assert found.status == "verified"
    assert "1 of them deleted" in found.reason


async def test_a_tag_is_not_named_like_a_secret() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    with pytest.raises(UsageError, match="the tag 'ssn' is named like a sensitive field"):
        storage.writer(saga_id="s", saga_name="Staying", tags={"ssn": SSN})
    storage.writer(saga_id="s", saga_name="Staying", tags={"ssn_hint": "20"})


async def test_of_many_sagas_those_that_were_not_heard_of_longest_are_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sagaz_core.storage.striking._SAGAS", 2)
    storage = InMemorySnapshotStorage(compliance=secrets())
    for saga_id in ("early", "second"):
        await storage.save_snapshot(person(saga_id, ssn=SSN))
    assert SSN not in storage.strike("early", SSN)
    await storage.save_snapshot(person("third", ssn=OTHER))
    assert SSN not in storage.strike("early", SSN)
