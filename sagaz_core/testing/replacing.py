"""Other bytes are put in place of a whole saga's in one step, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import Append, EntryRow, SagaRow
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, hence
from sagaz_core.testing.keys import protected_append
from sagaz_core.testing.rows import append_of


async def _stored(backend: Backend, saga_id: str = "saga") -> tuple[SagaRow, list[EntryRow]]:
    row = await backend.saga(saga_id)
    assert row is not None
    return row, await backend.entries(saga_id, 1, 1 << 30, hidden=True)


def _other(row: SagaRow, entries: Sequence[EntryRow]) -> tuple[SagaRow, list[EntryRow]]:
    """Return the same saga with everything in it that may be another."""
    return (
        row._replace(keyframe=1, wrapped_key=b"\xff new", mac=None),
        [
            entry._replace(
                keyframe=1,
                meta=b"meta %d" % entry.seq,
                body=b"body %d" % entry.seq * 100,
                mac=b"mac %d" % entry.seq,
            )
            for entry in entries
        ],
    )


class ReplacingContract(ContractBase):
    """Other bytes are put in place of a whole saga's in one step, or not at all."""

    async def test_the_bytes_of_a_saga_are_replaced_and_nothing_else_is(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        backend = storage.backend
        fields: dict[str, Any] = {"context": {"x": 1, "y": 2}}
        appends = [append_of("saga", number, **fields) for number in range(1, 6)]
        appends[0] = appends[0]._replace(tags=[("a", "b")])
        await backend.append([*appends, append_of("another")])
        assert appends[2].entry is not None
        await backend.hide(appends[2].entry.snapshot_id)
        before = await _stored(backend)
        touched = await backend.touches("saga", key=None, lo=1, hi=9)
        another = await _stored(backend, "another")

        row, entries = _other(*before)
        assert await backend.replace(row, entries, expected_head=5)
        found = await _stored(other.backend)
        assert found == (row, entries)
        assert found[1][2].hidden
        assert await other.backend.touches("saga", key=None, lo=1, hi=9) == touched != []
        assert await other.backend.tags("saga") == (("a", "b"),)
        assert await other.backend.locate("saga", at=entries[3].at) == ("saga", 4)
        assert await other.backend.locate(None, snapshot_id=entries[1].snapshot_id) == ("saga", 2)
        assert await _stored(other.backend, "another") == another

        await backend.append([append_of("saga", 6)])
        (later,) = await other.backend.entries("saga", 6, 6)
        assert later.keyframe == 6
        assert await backend.delete(["saga"]) == 6

    async def test_a_saga_that_has_changed_is_left_as_it_is(self, storage: SnapshotStorage) -> None:
        backend = storage.backend
        await backend.append([append_of("saga"), append_of("saga", 2)])
        read = await _stored(backend)
        row, entries = _other(*read)
        assert not await backend.replace(row._replace(saga_id="none"), entries, expected_head=2)
        await backend.append([Append(read[0]._replace(status="failed"), 2, None)])
        assert not await backend.replace(row, entries, expected_head=2)
        await backend.append([append_of("saga", 3)])
        assert not await backend.replace(row, entries, expected_head=2)
        found = await _stored(backend)
        assert found[1][:2] == read[1]
        assert not await backend.replace(found[0], found[1][:2], expected_head=2)
        assert await _stored(backend) == found

    async def test_a_saga_whose_family_is_at_work_is_left_as_it_is(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        await backend.append([protected_append("saga")])
        lease = await storage.acquire_lease("saga", owner="me", holder="saga~r1")
        read = await _stored(backend)
        assert not await backend.replace(*_other(*read), expected_head=1)
        assert await _stored(backend) == read
        await lease.release()
        row, entries = _other(*await _stored(backend))
        # A key that was wrapped anew meanwhile is replaced as well.
        assert await backend.rewrap("saga", b"again", expected=b"key")
        assert await backend.replace(row, entries, expected_head=1)
        assert (await _stored(backend))[0].wrapped_key == row.wrapped_key

    async def test_a_long_saga_is_replaced_and_expires_as_before(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        expires = backend.expires_at(round(hence(hours=1).timestamp() * 1_000_000))
        sample = append_of("saga")
        assert sample.entry is not None
        appends = [
            Append(
                sample.saga._replace(head=seq, expires=expires),
                seq - 1,
                sample.entry._replace(seq=seq, keyframe=1, snapshot_id=f"id:{seq}"),
            )
            for seq in range(1, 1201)
        ]
        await backend.append(appends)
        row, entries = _other(*await _stored(backend))
        assert await backend.replace(row, entries, expected_head=1200)
        assert await _stored(backend) == (row, entries)
        assert expires is not None
        assert await backend.expired(expires) == ["saga"]
