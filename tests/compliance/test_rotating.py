"""Keys are changed while sagas are written, and what is secret stays readable with the new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.errors import DecryptionError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage import decoding
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.backends.rows import EntryRow
from sagaz_core.storage.storage import SnapshotStorage

OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}


def secrets(keys: dict[str, bytes]) -> ComplianceConfig:
    return ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card"], key_provider=KeyRing(keys)
    )


def order(saga_id: str, number: int, status: str = "executing") -> SagaSnapshot:
    context = {"card": f"card {number // 2}", "items": [{"card": number}], "n": number}
    return SagaSnapshot(saga_id=saga_id, saga_name="Order", context=context, status=status)  # type: ignore[arg-type]


class Store:
    """One store, to be opened with one ring of keys or another."""

    def __init__(self, path: Path, redis_url: str | None) -> None:
        self.path, self.redis_url = path, redis_url

    def open(self, keys: dict[str, bytes]) -> SnapshotStorage:
        if self.redis_url is not None:
            prefix = f"{self.path}:"
            return RedisSnapshotStorage(self.redis_url, prefix, compliance=secrets(keys))
        return SQLiteSnapshotStorage(self.path, compliance=secrets(keys))

    async def fill(self, sagas: int = 3) -> None:
        async with self.open(OLD) as storage:
            for number in range(sagas):
                for step in range(6):
                    status = "completed" if step == 5 else "executing"
                    await storage.save_snapshot(order(f"s{number}", step, status))

    async def contexts(self, keys: dict[str, bytes], saga_id: str = "s0") -> list[object]:
        async with self.open(keys) as storage:
            assert (await storage.verify_saga(saga_id)).status == "verified"
            return [each.context async for each in storage.iter_checkpoints(saga_id)]


@pytest.fixture(params=["sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = Store(tmp_path / "s.db", url)
    await made.fill()
    return made


@pytest.mark.parametrize("reencrypt", [False, True])
async def test_after_it_the_old_key_is_not_needed_and_opens_nothing(
    store: Store, reencrypt: bool
) -> None:
    before = await store.contexts(OLD)
    async with store.open({**NEW, **OLD}) as storage:
        touched = await storage.list_changes("s0")
        told: list[str] = []
        report = await storage.rotate_keys(
            reencrypt=reencrypt, on_saga=lambda saga_id, result: told.append(saga_id)
        )
        assert (report.rotated, report.running, report.failed) == (3, 0, ())
        assert sorted(told) == ["s0", "s1", "s2"]
        assert await storage.list_changes("s0") == touched
    assert await store.contexts(NEW) == before
    async with store.open(OLD) as storage:
        with pytest.raises(DecryptionError, match="'new', which is not in the ring"):
            await storage.get_checkpoint("s0", 1)


async def test_a_writer_goes_on_while_its_key_is_rotated(store: Store) -> None:
    async with store.open(OLD) as writing:
        await writing.save_snapshot(order("going", 0))
        async with store.open({**NEW, **OLD}) as rotating:
            assert (await rotating.rotate_keys()).rotated == 4
        # It has the old wrapped key in its row, and must not put that back.
        await writing.save_snapshot(order("going", 1))
    assert len(await store.contexts(NEW, "going")) == 2


@pytest.mark.parametrize("status", ["executing", "interrupted"])
async def test_one_that_has_not_ended_is_not_encrypted_anew_and_said_to_be_left(
    store: Store, status: str
) -> None:
    """Without it, whoever goes on writing to it would do so under a key that is gone."""
    async with store.open(OLD) as writing:
        await writing.save_snapshot(order("going", 0, status))
        async with store.open({**NEW, **OLD}) as rotating:
            report = await rotating.rotate_keys(reencrypt=True)
            assert (report.rotated, report.running) == (3, 1)
        await writing.save_snapshot(order("going", 1, "completed"))
    assert len(await store.contexts(NEW, "going")) == 2


async def test_it_passes_over_what_is_done_and_names_what_cannot_be(store: Store) -> None:
    async with store.open(OLD | NEW) as storage:
        await storage.save_snapshot(order("other", 0, "completed"))
    async with store.open({**NEW, **OLD}) as storage:
        # Without any saga under it the store's own keys still are.
        before = {use.key_id: use.others for use in await storage.list_keys()}
        assert before == {"new": 0, "old": 1}
        assert (await storage.rotate_keys()).rotated == 4
        again = await storage.rotate_keys()
        assert (again.rotated, again.current) == (0, 4)
        uses = {use.key_id: use for use in await storage.list_keys()}
        assert (uses["new"].sagas, uses["new"].others, uses["new"].is_current) == (4, 1, True)
        assert (uses["old"].sagas, uses["old"].others, uses["old"].at_hand) == (0, 0, True)
    lost = {"third": b"3" * 32}
    async with store.open(lost) as storage:
        with pytest.raises(DecryptionError):
            await storage.rotate_keys()


async def test_what_was_altered_is_not_encrypted_anew_as_if_it_were_right(store: Store) -> None:
    async with store.open({**NEW, **OLD}) as storage:
        row = await storage.backend.saga("s1")
        assert row is not None
        entries = await storage.backend.entries("s1", 1, row.head)
        entries[2] = entries[2]._replace(body=entries[3].body)
        assert await storage.backend.replace(row, entries, expected_head=row.head)
        report = await storage.rotate_keys(reencrypt=True)
        assert report.rotated == 2
        assert len(report.failed) == 1
        assert "checkpoint 3 of 's1' is not as it was written" in report.failed[0]


async def test_one_that_is_encrypted_anew_while_it_is_verified_is_verified(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store.open({**NEW, **OLD}) as rotating, store.open({**NEW, **OLD}) as looking:
        tags, times = looking.backend.tags, 0

        async def and_meanwhile(saga_id: str) -> tuple[tuple[str, str], ...]:
            nonlocal times
            times += 1
            if times == 1:
                await rotating.rotate_keys(reencrypt=True)
            return await tags(saga_id)

        monkeypatch.setattr(looking.backend, "tags", and_meanwhile)
        assert (await looking.verify_saga("s0")).status == "verified"
        assert times == 2


async def test_who_reads_a_saga_while_it_is_encrypted_anew_reads_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_PAGE", 2)
    before = await store.contexts(OLD)
    async with store.open({**NEW, **OLD}) as rotating, store.open({**NEW, **OLD}) as looking:
        read = []
        async for snapshot in looking.iter_checkpoints("s0"):
            read.append(snapshot.context)
            if len(read) in (2, 4):
                assert (await rotating.rotate_keys(reencrypt=True)).rotated == 3
        assert read == before

        entries, times = looking.backend.entries, 0

        async def and_meanwhile(saga_id: str, lo: int, hi: int, **how: Any) -> list[EntryRow]:
            nonlocal times
            times += 1
            if times == 1:
                assert (await rotating.rotate_keys(reencrypt=True)).rotated == 3
            return await entries(saga_id, lo, hi, **how)

        monkeypatch.setattr(looking.backend, "entries", and_meanwhile)
        newest_first = [each.context for each in await looking.list_snapshots("s0")]
        assert newest_first == before[::-1]
