"""What was altered in a store, or removed from it, or put back, is found out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import ComplianceConfig, Saga, SagaReplay, SagaSnapshot
from sagaz_core.errors import SagaNotFoundError, StorageUnavailableError, UsageError
from sagaz_core.history.evidence import Evidence, verify
from sagaz_core.history.heads import Head, head_line, list_heads, missing_sagas, read_heads
from sagaz_core.model import utc_now
from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.holding import HOLD, Hold, set_hold
from sagaz_core.storage.replay_log import REPLAY_LOG
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.tombstones import TOMBSTONE

SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["card"], encryption_key=b"k" * 32
)


class EvidenceOrder(Saga):
    """Charges a card that is declined at first."""

    async def build(self) -> None:
        await self.add_step("reserve", self.reserve)
        await self.add_step("charge", self.charge)

    async def reserve(self, ctx: Any) -> None:
        ctx["reserved"] = True

    async def charge(self, ctx: Any) -> None:
        if ctx["card"] == "expired":
            raise ValueError("declined")


async def fill(storage: SnapshotStorage) -> None:
    """Record an order that fails, and its replay that does not."""
    order = EvidenceOrder(
        {"card": "expired"}, saga_id="o1", snapshot_storage=storage, tags={"customer": "42"}
    )
    await order.execute()
    replay = SagaReplay("o1", storage, initiated_by="ada")
    result = await replay.from_checkpoint(
        "charge", context_override={"card": "valid"}, reason="a new card", request_id="batch-7"
    )
    assert result.status == "success"


@pytest.fixture
async def encrypted() -> SnapshotStorage:
    """An order and its replay, encrypted."""
    storage = InMemorySnapshotStorage(compliance=SECRETS)
    await fill(storage)
    return storage


async def evidence(storage: SnapshotStorage, **how: Any) -> dict[str, Evidence]:
    return {each.saga_id: each async for each in verify(storage, **how)}


async def test_a_replay_is_on_the_originals_trail_from_its_beginning_to_its_end(
    any_storage: SnapshotStorage,
) -> None:
    await fill(any_storage)
    began, ended = await any_storage.list_audit_events("o1")
    assert (began.event, began.by, ended.event) == ("replayed", "ada", "replay ended")
    told = {name: began.details[name] for name in ("replay", "from_step", "reason", "request")}
    assert told == {
        "replay": "o1~r1",
        "from_step": "charge",
        "reason": "a new card",
        "request": "batch-7",
    }
    assert began.details["plan"]
    assert (ended.details["replay"], ended.details["outcome"]) == ("o1~r1", "success")
    # Without keys nothing contradicts anything, and nothing is proven.
    found = await evidence(any_storage)
    assert {name: each.status for name, each in found.items()} == {
        "o1": "unverified",
        "o1~r1": "unverified",
    }


@pytest.mark.parametrize("done", range(6))
async def test_a_replay_that_is_broken_off_after_any_write_seems_no_forgery(
    encrypted: SnapshotStorage, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    backend, left = encrypted.backend, done

    def until_killed(write: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
        async def counted(*args: Any, **how: Any) -> bool:
            nonlocal left
            if left == 0:
                raise StorageUnavailableError("killed")
            left -= 1
            return await write(*args, **how)

        return counted

    for name in ("put", "rewrap"):
        monkeypatch.setattr(backend, name, until_killed(getattr(backend, name)))
    with suppress(StorageUnavailableError):
        await SagaReplay("o1", encrypted).from_checkpoint(
            "charge", context_override={"card": "valid"}, again=True
        )
    assert left == 0
    assert {each.status for each in (await evidence(encrypted)).values()} == {"verified"}


async def test_what_is_as_it_was_written_is_verified(encrypted: SnapshotStorage) -> None:
    first = (await encrypted.list_checkpoints("o1"))[0]
    assert await encrypted.delete_snapshot(first.snapshot_id, by="ben")
    found = await evidence(encrypted)
    assert {name: each.status for name, each in found.items()} == {
        "o1": "verified",
        "o1~r1": "verified",
    }
    assert list(await evidence(encrypted, saga_id="o1~r1")) == list(found)
    last = (await encrypted.list_audit_events("o1"))[-1]
    assert (last.event, last.by, last.details["sequence"]) == ("deleted", "ben", 1)
    with pytest.raises(SagaNotFoundError):
        await evidence(encrypted, saga_id="nobody")


async def remove_trail(storage: SnapshotStorage) -> None:
    memory(storage)._records._rows.pop((AUDIT, "o1"))


async def remove_line(storage: SnapshotStorage) -> None:
    memory(storage)._records._rows.pop((REPLAY_LOG, "o1~r1"))


async def alter_line(storage: SnapshotStorage) -> None:
    records = memory(storage)._records._rows
    line = records[REPLAY_LOG, "o1~r1"]
    assert b"ada" in line.body
    records[REPLAY_LOG, "o1~r1"] = replace(line, body=line.body.replace(b"ada", b"eve"))


async def hide_one(storage: SnapshotStorage) -> None:
    first = (await storage.list_checkpoints("o1"))[0]
    assert await storage.backend.hide(first.snapshot_id)


async def end_hold(storage: SnapshotStorage) -> None:
    await storage.hold("o1", by="ada", reason="a lawsuit")
    memory(storage)._records._rows.pop((HOLD, "o1"))


async def reword_hold(storage: SnapshotStorage) -> None:
    await storage.hold("o1", by="ada", reason="a lawsuit")
    hold = Hold(root_id="o1", at=utc_now(), by="eve", reason="a lawsuit")
    await set_hold(storage.backend, hold)


async def bring_back(storage: SnapshotStorage) -> None:
    first = (await storage.list_checkpoints("o1"))[0]
    await storage.delete_snapshot(first.snapshot_id)
    saga = memory(storage)._sagas["o1"]
    saga.entries[0] = saga.entries[0]._replace(hidden=False)


async def blame_another(storage: SnapshotStorage) -> None:
    touches = memory(storage)._sagas["o1"].touches
    touches[-1] = touches[-1]._replace(step="another")


async def hide_a_change(storage: SnapshotStorage) -> None:
    memory(storage)._sagas["o1"].touches.pop()


async def take_a_tag(storage: SnapshotStorage) -> None:
    memory(storage)._sagas["o1"].tags.clear()


async def let_it_expire(storage: SnapshotStorage) -> None:
    saga = memory(storage)._sagas["o1"]
    assert saga.row.expires is not None
    saga.row = saga.row._replace(expires=saga.row.expires - 1)


def alter_row(**changes: Any) -> Callable[[SnapshotStorage], Awaitable[None]]:
    async def alter(storage: SnapshotStorage) -> None:
        saga = memory(storage)._sagas["o1"]
        saga.row = saga.row._replace(**changes)

    return alter


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        (remove_trail, "of which the audit trail of 'o1' does not tell"),
        (remove_line, "its line of the log is gone"),
        (alter_line, "the log of the replay 'o1~r1' is not as it was written"),
        (hide_one, "checkpoint 1 is hidden, and the audit trail does not tell who did that"),
        (end_hold, "it was held, and nobody released it"),
        (reword_hold, "altered, or holding it anew was broken off; then hold it again"),
        (bring_back, "checkpoint 1 was deleted, as the audit trail tells, and is there"),
        (blame_another, "the keys that checkpoint"),
        (hide_a_change, "the keys that checkpoint"),
        (take_a_tag, "or the saga's tags, is not as it was written"),
        (let_it_expire, "as its checkpoints ask for"),
        (alter_row(code="mine:Order"), "not the one that was written last"),
        (alter_row(error="it was the customer"), "not the one that was written last"),
        (alter_row(step="reserve"), "not the one that was written last"),
        (alter_row(updated=1), "not the one that was written last"),
    ],
)
async def test_what_does_not_fit_together_is_found_out(
    encrypted: SnapshotStorage,
    attack: Callable[[SnapshotStorage], Awaitable[None]],
    finding: str,
) -> None:
    await attack(encrypted)
    found = (await evidence(encrypted)).values()
    assert "tampered" in {each.status for each in found}
    told = [sentence for each in found for sentence in (*each.findings, each.history.reason)]
    assert finding in "; ".join(told)


async def test_secrets_that_are_encrypted_anew_are_verified_and_that_is_on_record(
    encrypted: SnapshotStorage,
) -> None:
    kept = [head async for head in list_heads(encrypted)]
    await encrypted.rotate_keys(reencrypt=True)
    heads = {head.saga_id: head for head in kept}
    found = await evidence(encrypted, heads=heads)
    assert {each.status for each in found.values()} == {"verified"}
    assert (await encrypted.list_audit_events("o1"))[-1].event == "encrypted anew"


@pytest.mark.parametrize("compliance", [SECRETS, None], ids=["encrypted", "plain"])
async def test_a_store_that_was_put_back_whole_is_found_out_by_heads_kept_elsewhere(
    tmp_path: Path, compliance: ComplianceConfig | None
) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
        await fill(storage)
        await storage.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order"))
    older = path.read_bytes()
    async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
        await storage.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order"))
        await storage.hold("o1", by="ada", reason="a lawsuit")
        await storage.save_snapshot(SagaSnapshot(saga_id="o3", saga_name="Order"))
        lines = [head_line(head) async for head in list_heads(storage)]
        heads = read_heads(lines)
        await storage.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order"))
        found = await evidence(storage, heads=heads)
        assert "tampered" not in {each.status for each in found.values()}
        assert await missing(storage, heads) == {}
    path.write_bytes(older)
    async with SQLiteSnapshotStorage(path, read_only=True, compliance=compliance) as storage:
        assert "tampered" not in {each.status for each in (await evidence(storage)).values()}
        found = await evidence(storage, heads=heads)
        assert found["o2"].findings == ("it had 2 checkpoints and has 1: it was put back",)
        assert found["o1"].findings == ("its audit trail had 3 events and has 2: it was put back",)
        assert await missing(storage, heads) == {"o3": "tampered"}


async def test_a_history_that_was_written_anew_is_found_out_by_its_head() -> None:
    storage = InMemorySnapshotStorage()
    await storage.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order", context={"n": 1}))
    heads = {head.saga_id: head async for head in list_heads(storage)}
    again = InMemorySnapshotStorage()
    for number in (2, 3):
        context = {"n": number}
        await again.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order", context=context))
    found = await evidence(again, heads=heads)
    (finding,) = found["o2"].findings
    assert finding.startswith("its first 1 checkpoints, or what they are found by, are not those")
    # Anybody can say so of a trail that has no codes.
    await again.record_event("o2", "encrypted anew", by="eve")
    (finding,) = (await evidence(again, heads=heads))["o2"].findings
    assert finding.endswith("that they were encrypted anew, which is not proven")


@pytest.mark.parametrize("attack", [blame_another, hide_a_change, take_a_tag])
async def test_without_codes_too_heads_tell_what_checkpoints_were_found_by(
    attack: Callable[[SnapshotStorage], Awaitable[None]],
) -> None:
    storage = InMemorySnapshotStorage()
    await fill(storage)
    heads = {head.saga_id: head async for head in list_heads(storage)}
    assert [each.findings for each in (await evidence(storage, heads=heads)).values()] == [(), ()]
    await attack(storage)
    assert "found by" in (await evidence(storage, heads=heads))["o1"].findings[0]


async def missing(storage: SnapshotStorage, heads: dict[str, Head]) -> dict[str, str]:
    return {head.saga_id: told.status async for head, told in missing_sagas(storage, heads)}


async def test_what_expired_or_was_forgotten_is_not_missed(encrypted: SnapshotStorage) -> None:
    heads = {head.saga_id: head async for head in list_heads(encrypted)}
    await encrypted.forget(["o1"], by="ada")
    assert await missing(encrypted, heads) == {}
    gone = replace(heads["o1"], saga_id="gone", root_id="gone", expires=1)
    assert await missing(encrypted, {"gone": gone}) == {}
    kept = replace(gone, expires=None)
    assert await missing(encrypted, {"gone": kept}) == {"gone": "tampered"}


async def test_that_it_was_forgotten_is_not_said_by_a_tombstone_that_anybody_could_have_put_up(
    encrypted: SnapshotStorage,
) -> None:
    await encrypted.save_snapshot(SagaSnapshot(saga_id="o2", saga_name="Order"))
    heads = {head.saga_id: head async for head in list_heads(encrypted)}
    keyless = SnapshotStorage(encrypted.backend)
    await keyless.forget(["o1"], by="eve")
    await encrypted.forget(["o2"], by="ada")
    assert await missing(encrypted, heads) == {"o1": "unverified", "o1~r1": "unverified"}
    assert set((await missing(keyless, heads)).values()) == {"unverified"}
    records = memory(encrypted)._records._rows
    stone = records[TOMBSTONE, "o2"]
    records[TOMBSTONE, "o2"] = replace(stone, body=stone.body.replace(b"ada", b"eve"))
    assert (await missing(encrypted, heads))["o2"] == "tampered"


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"saga_id": 1}', "[" * 100_000])
def test_a_file_that_holds_no_heads_is_said_to_hold_none(line: str) -> None:
    with pytest.raises(UsageError, match="line 1 is not a head"):
        read_heads([line])


def test_a_head_comes_back_as_it_was() -> None:
    head = Head(
        saga_id="o\u2028",
        root_id="r",
        checkpoints=2,
        code="ab",
        events=0,
        events_code="",
        expires=7,
    )
    assert read_heads([head_line(head)]) == {"o\u2028": head}


def memory(storage: SnapshotStorage) -> MemoryBackend:
    assert isinstance(storage.backend, MemoryBackend)
    return storage.backend
