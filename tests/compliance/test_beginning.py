"""Encryption may begin at any checkpoint, and what stops it on the way looks like no tampering."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.errors import HeadConflictError, StorageUnavailableError, TamperedError
from sagaz_core.history.evidence import verify
from sagaz_core.history.heads import list_heads
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage

SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["card"], encryption_key=b"k" * 32
)


def order(number: int, status: str = "executing") -> SagaSnapshot:
    context = {"card": "4111", "n": number}
    return SagaSnapshot(saga_id="o1", saga_name="Order", context=context, status=status)  # type: ignore[arg-type]


@pytest.fixture
async def plain(any_storage: SnapshotStorage) -> SnapshotStorage:
    """A store in which a saga has two checkpoints, and no key."""
    for number in (1, 2):
        await any_storage.save_snapshot(order(number))
    return any_storage


def with_keys(storage: SnapshotStorage) -> SnapshotStorage:
    return SnapshotStorage(storage.backend, compliance=SECRETS)


async def evidence(storage: SnapshotStorage) -> tuple[str, int | None]:
    found = await storage.verify_saga("o1")
    return found.status, found.since


async def numbers(storage: SnapshotStorage) -> list[object]:
    return [each.context["n"] async for each in storage.iter_checkpoints("o1")]


def failing(monkeypatch: pytest.MonkeyPatch, storage: SnapshotStorage, method: str) -> None:
    """Have the store not do something, as if the program had been killed before it."""

    async def never(*args: object, **given: object) -> None:
        raise StorageUnavailableError("killed")

    monkeypatch.setattr(storage.backend, method, never)


async def test_where_its_first_encrypted_checkpoint_never_came_a_saga_is_as_it_was(
    plain: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, plain, "append")
        with pytest.raises(StorageUnavailableError):
            await with_keys(plain).save_snapshot(order(3))
    reader = with_keys(plain)
    assert await evidence(reader) == ("unverified", None)
    # Who has no keys may go on as before.
    await plain.save_snapshot(order(3))
    assert await numbers(reader) == [1, 2, 3]
    await with_keys(plain).save_snapshot(order(4))
    assert await evidence(reader) == ("verified", 4)
    assert await numbers(reader) == [1, 2, 3, 4]


async def test_a_saga_that_was_cut_off_before_its_key_began_is_found_out() -> None:
    backend = MemoryBackend()
    plain = SnapshotStorage(backend)
    await plain.save_snapshot(order(1))
    row = await backend.saga("o1")
    assert row is not None
    await with_keys(plain).save_snapshot(order(2))
    protected = await backend.saga("o1")
    assert protected is not None
    backend._sagas["o1"].entries.pop()
    for mac in (None, protected.mac):
        backend._sagas["o1"].row = row._replace(wrapped_key=protected.wrapped_key, mac=mac)
        assert (await with_keys(plain).verify_saga("o1")).status == "tampered"
        with pytest.raises(TamperedError):
            await with_keys(plain).get_checkpoint("o1", 1)


async def test_of_two_who_begin_at_once_one_does_and_the_saga_is_verified(
    plain: SnapshotStorage,
) -> None:
    done = await asyncio.gather(
        *(with_keys(plain).save_snapshot(order(number)) for number in (3, 4)),
        return_exceptions=True,
    )
    assert [each for each in done if not isinstance(each, int | HeadConflictError)] == []
    assert await evidence(with_keys(plain)) == ("verified", 3)
    assert len(await numbers(with_keys(plain))) == 2 + sum(isinstance(each, int) for each in done)


async def test_a_run_that_ends_without_a_checkpoint_begins_nothing_and_breaks_nothing(
    plain: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = with_keys(plain).writer(saga_id="o1", saga_name="Order")
    with monkeypatch.context() as patch:
        failing(patch, plain, "append")
        with pytest.raises(StorageUnavailableError):
            await writer.append(capture(order(3)))
    await writer.finish("failed", "none")
    assert await evidence(with_keys(plain)) == ("unverified", None)
    await writer.append(capture(order(3)))
    await writer.finish("completed", "none")
    assert await evidence(with_keys(plain)) == ("verified", 3)
    assert (await plain.get_existing_saga("o1")).status == "completed"


async def test_the_latest_checkpoint_may_be_deleted_and_the_saga_goes_on_verified(
    plain: SnapshotStorage,
) -> None:
    storage = with_keys(plain)
    await storage.save_snapshot(order(3))
    for checkpoint in (await storage.list_checkpoints("o1"))[1:]:
        await storage.delete_snapshot(checkpoint.snapshot_id)
    assert await evidence(storage) == ("verified", 3)
    await with_keys(plain).save_snapshot(order(4))
    assert await evidence(storage) == ("verified", 3)
    assert await numbers(storage) == [1, 4]
    assert [each.findings async for each in verify(storage)] == [()]


@pytest.mark.parametrize("killed_before", ["replace", "telling of it"])
async def test_encrypting_anew_may_be_broken_off_between_any_two_steps(
    plain: SnapshotStorage, monkeypatch: pytest.MonkeyPatch, killed_before: str
) -> None:
    storage = with_keys(plain)
    await storage.save_snapshot(order(3, "completed"))
    heads = {each.saga_id: each async for each in list_heads(storage)}
    with monkeypatch.context() as patch:
        if killed_before == "replace":
            failing(patch, storage, "replace")
        else:
            kept = storage.backend.replace

            async def replace_and_no_more(*args: Any, **given: Any) -> bool:
                done = await kept(*args, **given)
                failing(patch, storage, "put")
                return done

            patch.setattr(storage.backend, "replace", replace_and_no_more)
        with suppress(StorageUnavailableError):
            await storage.rotate_keys(reencrypt=True)
    assert await numbers(with_keys(plain)) == [1, 2, 3]
    found = [each async for each in verify(with_keys(plain), heads=heads)]
    assert [(each.history.status, each.findings) for each in found] == [("verified", ())]
