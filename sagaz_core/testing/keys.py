"""A saga keeps its wrapped key, and every row its authentication code."""

from __future__ import annotations

import asyncio

from sagaz_core.model import Status
from sagaz_core.storage.backends.rows import Append, SagaQuery
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase
from sagaz_core.testing.rows import append_of


def protected_append(saga_id: str, number: int = 1, *, key: bytes | None = b"key") -> Append:
    """Return what makes a protected saga's ``number``-th checkpoint."""
    append = append_of(saga_id, number)
    assert append.entry is not None
    return append._replace(
        saga=append.saga._replace(wrapped_key=key, mac=b"row %d" % number),
        entry=append.entry._replace(mac=b"\xff entry %d" % number),
    )


class KeyContract(ContractBase):
    """A saga keeps its wrapped key, and every row its authentication code."""

    async def test_every_way_to_a_row_gives_its_key_and_its_code(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.backend.append([protected_append("saga"), protected_append("saga", 2)])
        backend = other.backend
        codes = [b"\xff entry 1", b"\xff entry 2"]
        kin, chained = await backend.kin("saga"), await backend.chained("saga", 2)
        assert kin is not None
        assert chained is not None
        rows = (await backend.sagas(SagaQuery(), cursor=None, limit=5)).rows
        for row in (await backend.saga("saga"), *rows, kin.members[0][0], chained.saga):
            assert row is not None
            assert (row.wrapped_key, row.mac) == (b"key", b"row 2")
        for entries in (
            await backend.entries("saga", 1, 9),
            await backend.entries("saga", 1, 9, bodies=False),
            kin.members[0][1],
        ):
            assert [entry.mac for entry in entries] == codes
        assert chained.entry.mac == codes[1]

    async def test_an_unprotected_saga_has_neither(self, storage: SnapshotStorage) -> None:
        await storage.backend.append([append_of("saga")])
        row = await storage.backend.saga("saga")
        assert row is not None
        assert (row.wrapped_key, row.mac) == (None, None)
        (entry,) = await storage.backend.entries("saga", 1, 1)
        assert entry.mac is None

    async def test_every_append_tells_the_rows_code_and_the_first_with_a_key_its_key(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        first = protected_append("saga")
        await backend.append([first, protected_append("saga", 2, key=None)])
        await backend.append([protected_append("saga", 3, key=b"another")])
        row = await backend.saga("saga")
        assert row is not None
        assert (row.wrapped_key, row.mac) == (b"key", b"row 3")
        ends: list[tuple[Status, bytes | None]] = [
            ("executing", b"going"),
            ("failed", b"ended"),
            ("failed", None),
        ]
        for status, mac in ends:
            end = row._replace(status=status, mac=mac, wrapped_key=None)
            await backend.append([Append(end, 3, None)])
            found = await backend.saga("saga")
            assert found is not None
            assert (found.status, found.wrapped_key, found.mac) == (status, b"key", mac)
        # A saga that had none has it from the checkpoint on that tells it first.
        await backend.append([append_of("begun"), protected_append("begun", 2)])
        await backend.append([protected_append("begun", 3, key=b"another")])
        begun = await backend.saga("begun")
        assert begun is not None
        assert (begun.wrapped_key, begun.mac) == (b"key", b"row 3")

    async def test_a_key_is_wrapped_anew_only_in_place_of_the_expected_one(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        backend = storage.backend
        await backend.append([protected_append("saga"), append_of("plain")])
        assert not await backend.rewrap("saga", b"new", expected=b"old")
        assert not await backend.rewrap("none", b"new", expected=b"")
        assert await other.backend.rewrap("saga", b"\x00new", expected=b"key")
        # Who did not hear that it was done, asks again.
        assert await other.backend.rewrap("saga", b"\x00new", expected=b"key")
        assert not await backend.rewrap("plain", b"new", expected=b"")
        await backend.append([protected_append("saga", 2)])
        for saga_id, key in (("saga", b"\x00new"), ("plain", None), ("none", None)):
            row = await backend.saga(saga_id)
            assert (row and row.wrapped_key) == key

    async def test_of_many_who_wrap_a_key_anew_one_does(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        await storage.backend.append([protected_append("saga")])
        keys = [b"%d" % number for number in range(10)]
        done = await asyncio.gather(
            *(
                each.backend.rewrap("saga", key, expected=b"key")
                for each, key in zip([storage, other] * 5, keys, strict=True)
            )
        )
        row = await storage.backend.saga("saga")
        assert row is not None
        assert [key for key, did in zip(keys, done, strict=True) if did] == [row.wrapped_key]
