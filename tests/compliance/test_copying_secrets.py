"""A copy of a store with secrets is as readable, as verified and as well accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig, copy_sagas
from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage import copying_saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.base import Append, Outcome

SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["card"], encryption_key=b"k" * 32
)


def order(number: int) -> SagaSnapshot:
    context = {"card": "4111", "n": number}
    return SagaSnapshot(saga_id="o1", saga_name="Order", context=context)


async def test_what_is_copied_is_verified_with_its_trail_and_equal_secrets_look_equal(
    tmp_path: Path,
) -> None:
    async with SQLiteSnapshotStorage(tmp_path / "a.db", compliance=SECRETS) as source:
        await source.save_snapshot(order(1))
        await source.record_event("o1", "looked at", by="ada")
        async with (
            # Who copies needs no key.
            SQLiteSnapshotStorage(tmp_path / "a.db", read_only=True) as keyless,
            SQLiteSnapshotStorage(tmp_path / "b.db") as plain,
        ):
            assert (await copy_sagas(keyless, plain)).complete
        await source.save_snapshot(order(2))
        await source.record_event("o1", "looked at again", by="ada")
        async with SQLiteSnapshotStorage(tmp_path / "b.db", compliance=SECRETS) as target:
            assert (await copy_sagas(source, target)).complete
            assert (await target.get_checkpoint("o1", 2)).context == {"card": "4111", "n": 2}
            assert (await target.verify_saga("o1")).status == "verified"
            assert (await target.verify_audit_events("o1")).status == "verified"
            events = await target.list_audit_events("o1")
            assert [each.event for each in events] == ["looked at", "looked at again"]
            await target.save_snapshot(
                SagaSnapshot(saga_id="o2", saga_name="Order", context={"card": "4111"})
            )
            first = (await target.masked.get_checkpoint("o1", 1)).context["card"]
            assert first == (await target.masked.get_checkpoint("o2", 1)).context["card"]
            await target.record_event("o1", "something else", by="eve")
            await source.record_event("o1", "another thing", by="ada")
            report = await copy_sagas(source, target)
            assert [each.saga_id for each in report.conflicts] == ["o1"]
            assert "audit trail of the target tells something else" in report.conflicts[0].reason


async def test_a_target_with_keys_of_its_own_is_told_to_verify_no_trail(tmp_path: Path) -> None:
    async with (
        SQLiteSnapshotStorage(tmp_path / "a.db", compliance=SECRETS) as source,
        SQLiteSnapshotStorage(tmp_path / "b.db", compliance=SECRETS) as target,
        SQLiteSnapshotStorage(tmp_path / "c.db") as new,
    ):
        await source.save_snapshot(order(1))
        await source.record_event("o1", "looked at", by="ada")
        await target.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order"))
        report = await copy_sagas(source, target)
        assert (report.complete, report.trails_verifiable) == (True, False)
        assert (await target.verify_saga("o1")).status == "verified"
        assert (await target.verify_audit_events("o1")).status == "unverified"
        for _ in range(2):
            # Also when the keys of the source are wrapped anew in between.
            assert (await copy_sagas(source, new)).trails_verifiable
            await source.rotate_keys()


async def test_a_copy_that_was_broken_off_says_so_and_the_next_one_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        SQLiteSnapshotStorage(tmp_path / "a.db") as plain,
        SQLiteSnapshotStorage(tmp_path / "a.db", compliance=SECRETS) as source,
        SQLiteSnapshotStorage(tmp_path / "b.db", compliance=SECRETS) as target,
    ):
        await plain.save_snapshot(order(0))
        for number in range(1, 20):
            await source.save_snapshot(order(number))
        await source.record_event("o1", "looked at", by="ada")
        monkeypatch.setattr(copying_saga, "_FIRST_PAGE", 1)
        append, calls = target.backend.append, 0

        async def some(appends: Sequence[Append]) -> list[Outcome]:
            nonlocal calls
            calls += 1
            if calls in (2, 4):
                raise StorageUnavailableError("killed")
            return await append(appends)

        monkeypatch.setattr(target.backend, "append", some)
        # After the first, which has no code, and after some that have.
        for status in ("unverified", "tampered"):
            with pytest.raises(StorageUnavailableError):
                await copy_sagas(source, target)
            found = await target.verify_saga("o1")
            assert found.status == status
            # No row tells of a trail that was not copied yet.
            assert (await target.verify_audit_events("o1")).status == "verified"
        assert "copy it again" in found.reason
        assert (await copy_sagas(source, target)).complete
        assert (await target.verify_saga("o1")).status == "verified"
