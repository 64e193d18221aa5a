"""What a newer version wrote is said to be so, and nothing of it is taken for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core.errors import CorruptEntryError, SchemaTooNewError
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot
from sagaz_core.testing.rows import append_of

_NEWER = b"\xfe"
"""The first byte of a stored form tells its version; this one is not taken yet."""


class FormVersionContract(ContractBase):
    """A checkpoint in a form that a newer version wrote is named, and spoils no other."""

    async def test_a_newer_form_of_a_state_is_said_to_be_one(
        self, storage: SnapshotStorage
    ) -> None:
        newer = append_of("saga", 2)
        assert newer.entry is not None
        assert newer.entry.body is not None
        entry = newer.entry._replace(body=_NEWER + newer.entry.body[1:])
        await storage.backend.append([append_of("saga"), newer._replace(entry=entry)])
        with pytest.raises(CorruptEntryError, match=r"form 254.*upgrade"):
            await storage.get_checkpoint("saga", 2)
        assert (await storage.get_checkpoint("saga", 1)).sequence == 1
        assert [line.sequence for line in await storage.list_checkpoints("saga")] == [1, 2]

    async def test_nothing_is_written_after_a_newer_form(self, storage: SnapshotStorage) -> None:
        newer = append_of("saga", 1)
        assert newer.entry is not None
        assert newer.entry.body is not None
        entry = newer.entry._replace(body=_NEWER + newer.entry.body[1:])
        await storage.backend.append([newer._replace(entry=entry)])
        with pytest.raises(CorruptEntryError, match="form 254"):
            await storage.save_snapshot(snapshot())
        saga = await storage.get_saga("saga")
        assert saga is not None
        assert saga.checkpoints == 1

    async def test_a_newer_form_of_a_description_is_said_to_be_one(
        self, storage: SnapshotStorage
    ) -> None:
        newer = append_of("saga", 2)
        assert newer.entry is not None
        entry = newer.entry._replace(meta=_NEWER + newer.entry.meta[1:])
        await storage.backend.append([append_of("saga"), newer._replace(entry=entry)])
        with pytest.raises(CorruptEntryError, match=r"form 254.*upgrade"):
            await storage.get_checkpoint("saga", 2)
        assert (await storage.get_checkpoint("saga", 1)).sequence == 1

    async def test_a_newer_form_of_the_replay_log_is_said_to_be_one(
        self, storage: SnapshotStorage
    ) -> None:
        record = RecordRow(
            kind="replay", id="a~r1", version=0, saga="a", at=0, body=_NEWER + b"\x90"
        )
        await storage.backend.put(record, expected_version=0)
        with pytest.raises(CorruptEntryError, match=r"form 254.*upgrade"):
            await storage.get_replay_log("a~r1")


class SchemaVersionContract(ContractBase):
    """A store that a newer version has set up is refused before anything of it is touched."""

    async def make_too_new(self, place: Path) -> None:
        """Make the store at ``place``, which is closed, one of a version that is not known yet."""
        raise NotImplementedError("say how your store tells the version of its schema")

    @pytest.mark.parametrize("read_only", [False, True])
    async def test_a_store_of_a_newer_version_is_refused(
        self, place: Path, read_only: bool
    ) -> None:
        async with SnapshotStorage(self.make_backend(place)) as storage:
            await storage.save_snapshot(snapshot())
        await self.make_too_new(place)
        newer = SnapshotStorage(self.make_backend(place), read_only=read_only)
        for _ in range(2):
            with pytest.raises(SchemaTooNewError, match="upgrade"):
                await newer.get_saga("saga")
        if not read_only:
            with pytest.raises(SchemaTooNewError, match="upgrade"):
                await newer.save_snapshot(snapshot())
        await newer.close()
