"""What was done to a saga from outside is on record, and a record that was altered shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import ormsgpack
import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.errors import ReadOnlyStoreError, SagaNotFoundError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.storage import SnapshotStorage

SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["card"], encryption_key=b"k" * 32
)
Links = list[list[object]]


async def store(compliance: ComplianceConfig | None = SECRETS) -> SnapshotStorage:
    storage = InMemorySnapshotStorage(compliance=compliance)
    for saga_id in ("o1", "o2"):
        await storage.save_snapshot(
            SagaSnapshot(saga_id=saga_id, saga_name="Order", context={"card": "4111"})
        )
    return storage


async def fill(storage: SnapshotStorage, saga_id: str = "o1") -> None:
    for event in ("replayed", "revealed", "held"):
        await storage.record_event(saga_id, event, by="ada@bastion", details={"why": "a test"})


async def status(storage: SnapshotStorage, saga_id: str = "o1") -> str:
    return (await storage.verify_audit_events(saga_id)).status


async def test_events_come_back_in_order_with_who_and_when(any_storage: SnapshotStorage) -> None:
    await any_storage.save_snapshot(SagaSnapshot(saga_id="o1", saga_name="Order"))
    await fill(any_storage)
    events = await any_storage.list_audit_events("o1")
    assert [(each.number, each.event) for each in events] == [
        (1, "replayed"),
        (2, "revealed"),
        (3, "held"),
    ]
    assert {(each.by, each.details["why"]) for each in events} == {("ada@bastion", "a test")}
    assert events[0].at <= events[1].at <= events[2].at
    assert await any_storage.list_audit_events("another") == []


async def test_events_at_the_same_time_are_all_kept(any_storage: SnapshotStorage) -> None:
    await any_storage.save_snapshot(SagaSnapshot(saga_id="o1", saga_name="Order"))
    await asyncio.gather(
        *(any_storage.record_event("o1", f"event {n}", by="ada") for n in range(8))
    )
    events = await any_storage.list_audit_events("o1")
    assert sorted(each.event for each in events) == [f"event {n}" for n in range(8)]


async def test_it_is_verified_with_the_key_and_only_with_it() -> None:
    storage = await store()
    assert await status(storage) == "verified"
    await fill(storage)
    assert await status(storage) == "verified"
    without = SnapshotStorage(storage.backend)
    assert await status(without) == "unverified"
    plain = await store(None)
    await fill(plain)
    assert await status(plain) == "unverified"


def _drop(number: int) -> Callable[[Links], Links]:
    return lambda links: links[:number] + links[number + 1 :]


@pytest.mark.parametrize(
    "attack",
    [_drop(0), _drop(1), _drop(2), lambda links: links[::-1], lambda links: links[:1]],
    ids=["first removed", "second removed", "last removed", "reordered", "cut off"],
)
async def test_an_event_that_is_removed_or_moved_is_found_out(
    attack: Callable[[Links], Links],
) -> None:
    storage = await store()
    await fill(storage)
    await _change(storage, attack)
    assert await status(storage) == "tampered"


async def test_an_event_that_is_altered_or_brought_from_another_saga_is_found_out() -> None:
    storage = await store()
    await fill(storage)
    await fill(storage, "o2")

    def alter(links: Links) -> Links:
        content = links[1][0]
        assert isinstance(content, bytes)
        links[1][0] = content.replace(b"ada@bastion", b"eve@bastion")
        return links

    await _change(storage, alter)
    assert await status(storage) == "tampered"
    other = await storage.backend.get(AUDIT, "o2")
    mine = await storage.backend.get(AUDIT, "o1")
    assert other is not None
    assert mine is not None
    moved = replace(mine, body=other.body, version=mine.version + 1)
    assert await storage.backend.put(moved, expected_version=mine.version)
    assert await status(storage) == "tampered"


async def _put_back(storage: SnapshotStorage, older: RecordRow) -> None:
    now = await storage.backend.get(AUDIT, "o1")
    assert now is not None
    back = replace(older, version=now.version + 1)
    assert await storage.backend.put(back, expected_version=now.version)


@pytest.mark.parametrize("rotation", [None, "keys", "secrets"])
async def test_a_trail_that_is_put_back_to_an_earlier_one_is_found_out(
    rotation: str | None, any_storage: SnapshotStorage
) -> None:
    """Without it, who looked at a secret could put the trail back to before that."""
    storage = SnapshotStorage(any_storage.backend, compliance=SECRETS)
    ended = SagaSnapshot(
        saga_id="o1", saga_name="Order", context={"card": "4111"}, status="failed", kind="failed"
    )
    await storage.save_snapshot(ended)
    await storage.record_event("o1", "held", by="ada")
    older = await storage.backend.get(AUDIT, "o1")
    assert older is not None
    await storage.record_event("o1", "revealed", by="eve")
    if rotation is not None:
        report = await storage.rotate_keys(reencrypt=rotation == "secrets")
        assert report.running == 0
    assert await status(storage) == "verified"
    await _put_back(storage, older)
    assert await status(storage) == "tampered"


async def test_events_that_are_added_since_do_not_hide_that_others_are_gone() -> None:
    """Without it, who looked at a secret would only have to wait for what others do."""
    storage = await store()
    await storage.record_event("o1", "held", by="ada")
    older = await storage.backend.get(AUDIT, "o1")
    assert older is not None
    await storage.record_event("o1", "revealed", by="eve")
    await _put_back(storage, older)
    for _ in range(3):
        await storage.record_event("o1", "replayed", by="ada")
        assert await status(storage) == "tampered"


@pytest.mark.parametrize("events", [-9, 0, 1 << 63])
async def test_a_row_that_tells_of_another_number_of_events_is_found_out(events: int) -> None:
    storage = await store()
    await fill(storage)
    row = await storage.backend.saga("o1")
    assert row is not None
    assert row.wrapped_key is not None
    forged = ormsgpack.unpackb(row.wrapped_key)
    forged[2] = events
    await storage.backend.rewrap("o1", ormsgpack.packb(forged), expected=row.wrapped_key)
    assert await status(storage) == "tampered"


async def test_events_from_before_encryption_are_known_to_be_there() -> None:
    """Without it, nobody would miss them."""
    plain = await store(None)
    await fill(plain)
    storage = SnapshotStorage(plain.backend, compliance=SECRETS)
    await storage.save_snapshot(
        SagaSnapshot(saga_id="o1", saga_name="Order", context={"card": "4111"})
    )
    assert await status(storage) == "unverified"
    await _change(storage, lambda links: links[:1])
    assert await status(storage) == "tampered"


async def test_with_codes_that_need_no_key_it_is_never_verified() -> None:
    """Without it, whoever strips the keyed codes could put unkeyed ones in their place."""
    storage = await store()
    await fill(storage)
    keyless = SnapshotStorage(storage.backend)
    await fill(keyless)
    assert await status(storage) == "unverified"
    await _change(storage, lambda links: [])
    assert await status(storage) == "tampered"


async def test_looking_only_records_nothing_and_there_is_no_trail_of_nobody() -> None:
    storage = await store()
    looking = SnapshotStorage(storage.backend, read_only=True)
    with pytest.raises(ReadOnlyStoreError):
        await looking.record_event("o1", "revealed", by="ada")
    with pytest.raises(SagaNotFoundError):
        await storage.record_event("nobody", "revealed", by="ada")


async def _change(storage: SnapshotStorage, attack: Callable[[Links], Links]) -> None:
    record = await storage.backend.get(AUDIT, "o1")
    assert record is not None
    links, end = ormsgpack.unpackb(record.body[1:])
    changed = replace(
        record,
        body=record.body[:1] + ormsgpack.packb([attack(links), end]),
        version=record.version + 1,
    )
    assert await storage.backend.put(changed, expected_version=record.version)
