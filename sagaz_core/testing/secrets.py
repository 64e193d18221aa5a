"""Secrets come back to who has the keys, are in no stored byte, and go with their saga."""

from __future__ import annotations

from typing import Any, Final

import pytest

from sagaz_core.compliance.config import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.errors import DecryptionError
from sagaz_core.model import Masked, SagaSnapshot, Status, StepError
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.tombstones import TOMBSTONE
from sagaz_core.testing.base import ContractBase, hence, snapshot

_CARD: Final = "4111-1111-1111-1111"
_OLD: Final = {"old": b"o" * 32}
_NEW: Final = {"new": b"n" * 32}


def _with_keys(storage: SnapshotStorage, keys: dict[str, bytes] = _OLD) -> SnapshotStorage:
    """Return the same store, over the same backend, for who has the keys."""
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card"], key_provider=KeyRing(keys)
    )
    return SnapshotStorage(storage.backend, compliance=compliance)


def _order(saga_id: str, number: int, *, status: Status = "executing", **more: Any) -> SagaSnapshot:
    context = {"card": _CARD, "payments": [{"card": number}], "number": number}
    return snapshot(saga_id, f"step {number}", context=context, status=status, **more)


async def _verified(storage: SnapshotStorage, *saga_ids: str) -> bool:
    found = [await storage.verify_saga(saga_id) for saga_id in saga_ids]
    found += [await storage.verify_audit_events(saga_id) for saga_id in saga_ids]
    return {each.status for each in found} == {"verified"}


class SecretContract(ContractBase):
    """Secrets come back to who has the keys, are in no stored byte, and go with their saga."""

    async def test_secrets_come_back_to_who_has_the_keys_and_are_in_no_stored_byte(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        writing, reading = _with_keys(storage), _with_keys(other)
        writer = writing.writer(saga_id="a", saga_name="Contract", tags={"customer": "42"})
        for number in range(1, 6):
            await writer.append(capture(_order("a", number)))
        error = StepError("Declined", f"card {_CARD} is declined", "")
        last = _order("a", 6, status="failed", error=error)
        await reading.save_snapshot(last)
        assert await _verified(reading, "a")
        read = [each.context async for each in reading.iter_checkpoints("a")]
        assert read == [_order("a", number).context for number in range(1, 7)]
        # Who has no keys sees the rest.
        masked = (await other.masked.get_checkpoint("a", 6)).context
        assert masked["number"] == 6
        assert isinstance(masked["card"], Masked)
        with pytest.raises(DecryptionError):
            await other.get_checkpoint("a", 6)
        row, entries = await other.backend.saga("a"), await other.backend.entries("a", 1, 9)
        assert _CARD not in f"{row}{entries}"
        assert len(entries) == 6

    async def test_a_saga_that_is_pruned_takes_its_key_along_and_leaves_the_others_verified(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        writing, until = _with_keys(storage), hence(hours=1)
        for saga_id, retention in (("gone", until), ("kept", None)):
            for number in (1, 2):
                await writing.save_snapshot(_order(saga_id, number, retention_until=retention))
            await writing.record_event(saga_id, "looked at", by="ada")
        before = await storage.backend.saga("gone")
        assert before is not None
        assert (await _with_keys(other).prune(until)).sagas == 1
        assert await storage.backend.saga("gone") is None
        assert await _verified(writing, "kept")
        # Its id is free, for a saga with a key and a trail of its own.
        await _with_keys(storage).save_snapshot(_order("gone", 3))
        begun = await storage.backend.saga("gone")
        assert begun is not None
        assert begun.wrapped_key not in (None, before.wrapped_key)
        assert (await _with_keys(other).get_checkpoint("gone", 1)).context["card"] == _CARD
        assert await _verified(_with_keys(other), "gone", "kept")

    async def test_secrets_come_under_new_keys_and_go_with_who_is_forgotten(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        for saga_id in ("gone", "kept"):
            await _with_keys(storage).save_snapshot(_order(saga_id, 1))
            await _with_keys(storage).save_snapshot(_order(saga_id, 2, status="completed"))
        rotating = _with_keys(other, {**_NEW, **_OLD})
        assert (await rotating.rotate_keys(reencrypt=True)).rotated == 2
        reading = _with_keys(storage, _NEW)
        assert (await reading.get_checkpoint("kept", 2)).context == _order("kept", 2).context
        assert await _verified(reading, "gone", "kept")
        await reading.forget(["gone"], by="ada")
        assert await other.backend.saga("gone") is None
        assert [each.id for each in await other.backend.scan(TOMBSTONE)] == ["gone"]
        stone = await reading.find_tombstone("gone")
        assert stone is not None
        assert (await reading.verify_tombstone(stone)).status == "verified"
        assert await _verified(reading, "kept")
