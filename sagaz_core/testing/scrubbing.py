"""What was deleted to leave no trace is said to have left none, and takes its documents along."""

from __future__ import annotations

import asyncio
import time

from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.testing.base import PATIENCE, ContractBase, hence
from sagaz_core.testing.rows import append_of


class ScrubbingContract(ContractBase):
    """What was deleted to leave no trace leaves none."""

    async def test_a_deletion_that_leaves_no_trace_comes_to_its_end(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        backend = storage.backend
        await backend.append([append_of("a"), append_of("b"), append_of("a", 2)])
        for saga_id in ("a", "b"):
            log = RecordRow(
                kind="k",
                id=saga_id,
                version=0,
                saga=saga_id,
                at=1,
                expires=to_micros(hence(hours=1)),
                body=b"",
            )
            await backend.put(log, expected_version=0)
        assert await backend.delete(["a", "none"], scrub=True) == 2
        deadline = time.monotonic() + PATIENCE
        while not await backend.scrubbed():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await backend.scrubbed()
        assert [row.id for row in await other.backend.scan("k")] == ["b"]
        assert await other.backend.saga("a") is None
        assert [entry.seq for entry in await other.backend.entries("b", 1, 9)] == [1]
        await backend.delete(["b"])
        assert [row.id for row in await other.backend.scan("k")] == ["b"]
