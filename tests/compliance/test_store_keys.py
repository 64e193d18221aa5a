"""The store's own keys are made however it is first used, and a provider may fail in any way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.errors import DecryptionError
from sagaz_core.model import Masked, SagaSnapshot, utc_now
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.store_secrets import read_store_secrets

SSN = "078-05-1120"


def secrets(**changes: Any) -> ComplianceConfig:
    given: dict[str, Any] = {
        "enable_encryption": True,
        "sensitive_fields": ["ssn"],
        "encryption_key": b"k" * 32,
        **changes,
    }
    return ComplianceConfig(**given)


def person(number: int = 1) -> SagaSnapshot:
    return SagaSnapshot(saga_id="s", saga_name="Keys", context={"ssn": SSN, "number": number})


@pytest.mark.parametrize("key", [b"k" * 32, "a few words"])
async def test_a_store_that_was_looked_at_first_encrypts_all_the_same(key: bytes | str) -> None:
    storage = InMemorySnapshotStorage(compliance=secrets(encryption_key=key))
    assert isinstance(await storage.mask(("ssn",), SSN), Masked)
    await storage.save_snapshot(person())
    kept, _ = await read_store_secrets(storage.backend)
    assert kept is not None
    assert kept.wrapped
    assert (await storage.get_checkpoint("s", 1)).context["ssn"] == SSN


async def test_the_key_of_what_was_only_masked_is_wrapped_once_it_encrypts(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path, compliance=secrets(enable_encryption=False)) as storage:
        await storage.save_snapshot(person())
    async with SQLiteSnapshotStorage(path, compliance=secrets()) as storage:
        before = (await storage.masked.get_checkpoint("s", 1)).context["ssn"]
        await storage.save_snapshot(person(2))
        kept, _ = await read_store_secrets(storage.backend)
        assert kept is not None
        assert kept.wrapped
        assert kept.audit_key
        assert (await storage.masked.get_checkpoint("s", 2)).context["ssn"] == before


class Service:
    """A key service that fails while it is told to."""

    def __init__(self) -> None:
        self.answer: Any = None

    async def wrap(self, key: bytes) -> bytes:
        return self._answered(key)

    async def unwrap(self, wrapped: bytes) -> bytes:
        return self._answered(wrapped)

    def _answered(self, given: bytes) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or given[::-1]


@pytest.mark.parametrize("answer", [ConnectionError("service is down"), "text", b"short"])
async def test_a_provider_that_fails_leaves_secrets_masked_and_says_so(
    tmp_path: Path, answer: object
) -> None:
    path, service = tmp_path / "s.db", Service()
    compliance = secrets(encryption_key=None, key_provider=service)
    async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
        await storage.save_snapshot(person())
    service.answer = answer
    async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
        shown = (await storage.masked.get_checkpoint("s", 1)).context
        assert shown["number"] == 1
        assert isinstance(shown["ssn"], Masked)
        with pytest.raises(DecryptionError, match="the key provider"):
            await storage.get_checkpoint("s", 1)
        with pytest.raises(DecryptionError, match="the key provider"):
            await storage.save_snapshot(person(2))
        assert (await storage.verify_saga("s")).status == "unverified"
        service.answer = None
        assert (await storage.get_checkpoint("s", 1)).context["ssn"] == SSN
        await storage.save_snapshot(person(2))


@pytest.mark.parametrize("at", [1, 2])
async def test_a_provider_that_fails_once_leaves_nothing_that_seems_altered(at: int) -> None:
    service = Service()
    compliance = secrets(encryption_key=None, key_provider=service)
    storage = InMemorySnapshotStorage(compliance=compliance)
    await storage.save_snapshot(SagaSnapshot(saga_id="first", saga_name="Keys"))
    unwrap, times = service.unwrap, 0

    async def failing_once(wrapped: bytes) -> bytes:
        nonlocal times
        times += 1
        if times == at:
            raise ConnectionError("service is down")
        return await unwrap(wrapped)

    service.unwrap = failing_once  # type: ignore[method-assign]
    later = SnapshotStorage(storage.backend, compliance=compliance)
    with pytest.raises(DecryptionError, match="service is down"):
        await later.save_snapshot(person())
    await later.save_snapshot(person())
    await later.record_event("s", "looked at", by="ada")
    assert (await later.verify_saga("s")).status == "verified"
    times = 0
    latest = SnapshotStorage(storage.backend, compliance=compliance)
    with pytest.raises(DecryptionError, match="service is down"):
        # What is written without a key is never verified again.
        await latest.record_event("s", "looked at again", by="ada")
    assert (await latest.verify_audit_events("s")).status == "verified"


def test_a_store_in_memory_goes_on_in_another_event_loop() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())

    async def write(number: int) -> list[Any]:
        await storage.save_snapshot(
            SagaSnapshot(saga_id="o1", saga_name="Order", context={"ssn": f"card {number}"})
        )
        await storage.record_event("o1", "looked at", by="ada")
        assert (await storage.verify_saga("o1")).status == "verified"
        assert (await storage.verify_audit_events("o1")).status == "verified"
        return [each.context["ssn"] async for each in storage.iter_checkpoints("o1")]

    for number in range(1, 4):
        assert asyncio.run(write(number)) == [f"card {each}" for each in range(1, number + 1)]


async def test_what_is_pruned_is_not_kept_at_hand() -> None:
    storage = InMemorySnapshotStorage(compliance=secrets())
    until = utc_now() + timedelta(hours=1)
    for saga_id, retention in (("gone", until), ("kept", None)):
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id=saga_id,
                saga_name="Order",
                context={"ssn": f"card of {saga_id}"},
                retention_until=retention,
            )
        )
    assert (await storage.prune(until)).sagas == 1
    assert storage.strike("gone", "card of gone") == "card of gone"
    assert "card of" not in storage.strike("kept", "card of kept")
    assert storage._protection is not None
    assert {key[0] for key in storage._protection._keys} == {"kept"}
