"""A family that is forgotten leaves no byte of its values, and a tombstone that says so."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.errors import (
    NotAllowedError,
    SagaForgottenError,
    SagaNotFoundError,
    StorageUnavailableError,
)
from sagaz_core.model import BatchLogEntry, PlannedOverride, ReplayLogEntry, SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage

WORDS = ("forgettable", "customer-4711@example.org", "never-said")
SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["secret"], encryption_key=b"k" * 32
)


async def fill(storage: SnapshotStorage, root: str, word: str) -> None:
    """Record a family: an original, a replay, their log, their trail and a batch's journal."""
    for number in range(5):
        context = {"note": f"{word} {number}" * 20, "secret": word}
        await storage.save_snapshot(SagaSnapshot(saga_id=root, saga_name="Order", context=context))
    writer = storage.writer(
        saga_id=f"{root}~r1", saga_name="Order", root_id=root, parent_id=root, parent_sequence=1
    )
    await writer.append(
        capture(SagaSnapshot(saga_id=f"{root}~r1", saga_name="Order", context={"note": word}))
    )
    await storage.save_replay_log(
        ReplayLogEntry(
            replay_id=f"{root}~r1",
            original_saga_id=root,
            from_step="charge",
            snapshot_id=None,
            sequence=1,
            override=(PlannedOverride(path="/note", before=word, after=word),),
            initiated_by="ada",
            reason=word,
            plan={},
        )
    )
    await storage.record_event(root, "looked at", by="ada", details={"for": word})


async def journal(storage: SnapshotStorage, word: str) -> None:
    overrides = {"gone": [["/note", "=", word]], "kept": [["/note", "=", "kept"]]}
    await storage.save_batch(
        BatchLogEntry(
            batch_id="batch-1",
            items=(("gone", "Order", "charge", None), ("kept", "Order", "charge", None)),
            options={"saga_overrides": overrides, "overrides": []},
            selection={"saga_ids": ["gone", "kept"]},
        )
    )


@pytest.fixture(params=["plain", "encrypted"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    compliance = SECRETS if request.param == "encrypted" else None
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=compliance) as made:
        await fill(made, "gone", WORDS[0])
        await fill(made, "kept", "what stays")
        await journal(made, WORDS[1])
        yield made


def left(folder: Path) -> list[str]:
    """Return which of the words are in a file."""
    everything = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    return [word for word in WORDS if word.encode() in everything]


async def test_nothing_of_it_is_left_and_of_the_others_all_is(
    storage: SnapshotStorage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    encrypted = "encrypted" in request.node.name
    keys = [row.wrapped_key for row in [await storage.backend.saga("gone")] if row is not None]
    assert WORDS[0] in left(tmp_path)
    report = await storage.forget(["gone~r1"], by="ada")
    assert (report.families, report.sagas, report.checkpoints, report.done) == (
        ("gone",),
        2,
        6,
        True,
    )
    assert left(tmp_path) == []
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not any(key is not None and key in content for key in keys)
    assert await storage.get_saga("gone") is None
    assert await storage.list_replays("gone") == []
    assert await storage.list_audit_events("gone") == []
    batch = await storage.get_batch("batch-1")
    assert batch is not None
    assert [item[0] for item in batch.items] == ["kept"]
    if not encrypted:
        assert set(batch.options["saga_overrides"]) == {"kept"}
    assert len(await storage.list_checkpoints("kept")) == 5
    assert (await storage.list_replays("kept"))[0].reason == "what stays"
    assert len(await storage.list_audit_events("kept")) == 2


async def test_a_tombstone_says_that_it_was_forgotten_and_by_whom(
    storage: SnapshotStorage,
) -> None:
    assert await storage.find_tombstone("gone") is None
    await storage.forget(["gone"], by="ada@bastion")
    stone = await storage.find_tombstone("gone")
    assert stone is not None
    assert (stone.root_id, stone.by, stone.sagas) == ("gone", "ada@bastion", 2)
    for saga_id in ("gone", "gone~r1"):
        with pytest.raises(SagaForgottenError, match=f"{saga_id}' was forgotten on .* by ada@bast"):
            await storage.get_run(saga_id)
    with pytest.raises(SagaNotFoundError):
        await storage.forget(["nobody"], by="ada")


async def test_while_somebody_reads_the_old_pages_it_is_pending_and_done_once_they_are_through(
    storage: SnapshotStorage, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM entry").fetchone()[0]
        report = await storage.forget(["gone"], by="ada")
        assert not report.done
        reader.execute("COMMIT")
    again = await storage.forget(["gone"], by="ada")
    assert (again.done, again.sagas) == (True, 0)
    assert left(tmp_path) == []


async def test_what_is_held_or_running_is_not_forgotten(storage: SnapshotStorage) -> None:
    await storage.hold("gone~r1", by="legal", reason="a lawsuit")
    with pytest.raises(NotAllowedError, match=r"'gone' is held since .* by legal: a lawsuit"):
        await storage.forget(["gone"], by="ada")
    assert await storage.release_hold("gone", by="legal")
    lease = await storage.acquire_lease("gone", owner="ada", holder="gone~r2", expect_fence=0)
    with pytest.raises(NotAllowedError, match="gone~r2 of the family 'gone' is running"):
        await storage.forget(["gone"], by="ada")
    await lease.release()
    assert (await storage.forget(["gone"], by="ada")).done


@pytest.mark.parametrize("meanwhile", ["held", "replayed"])
async def test_what_becomes_of_a_family_while_others_are_forgotten_counts(
    storage: SnapshotStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    delete = storage.backend.delete

    async def and_meanwhile(saga_ids: Sequence[str], *, scrub: bool = False) -> int:
        monkeypatch.setattr(storage.backend, "delete", delete)
        if meanwhile == "held":
            await storage.hold("kept", by="legal", reason="a lawsuit")
        else:
            replay = SagaSnapshot(saga_id="kept~r2", saga_name="Order", status="completed")
            writer = storage.writer(
                saga_id="kept~r2", saga_name="Order", root_id="kept", parent_id="kept"
            )
            await writer.append(capture(replay))
        return await delete(saga_ids, scrub=scrub)

    monkeypatch.setattr(storage.backend, "delete", and_meanwhile)
    if meanwhile == "held":
        with pytest.raises(NotAllowedError, match="'kept' is held since"):
            await storage.forget(["gone", "kept"], by="ada")
        assert len(await storage.list_family("kept")) == 2
    else:
        assert (await storage.forget(["gone", "kept"], by="ada")).sagas == 5
        assert await storage.list_family("kept") == []
    assert await storage.get_saga("gone") is None
    assert left(tmp_path) == []


async def test_nothing_is_erased_of_which_no_tombstone_says_so(
    storage: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(record: RecordRow, *, expected_version: int) -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(storage.backend, "put", refused)
        with pytest.raises(StorageUnavailableError, match="tombstone of 'gone'"):
            await storage.forget(["gone"], by="ada")
    assert len(await storage.list_family("gone")) == 2
