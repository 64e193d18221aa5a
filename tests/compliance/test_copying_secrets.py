"""A copy of a store with secrets is as readable, as verified and as well accounted for."""

from __future__ import annotations

from pathlib import Path

from sagaz_core import ComplianceConfig, copy_sagas
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage

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
