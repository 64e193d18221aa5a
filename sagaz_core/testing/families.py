"""A family looked at as a whole is what its parts are one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sagaz_core.errors import SagaNotFoundError
from sagaz_core.model import RunInfo, StepInfo
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class FamilyContract(ContractBase):
    """A family looked at as a whole is what its parts are one by one."""

    async def test_a_familys_kin_is_what_is_told_of_each_of_its_sagas(
        self, storage: SnapshotStorage
    ) -> None:
        saved = [snapshot("root", kind="before_step", context={"n": n}) for n in range(3)]
        for each in saved:
            await storage.save_snapshot(each)
        await storage.delete_snapshot(saved[1].snapshot_id)
        lease = await storage.acquire_lease("root", owner="kim", holder="root~r1")
        writer = storage.writer(
            saga_id="root~r1",
            saga_name="Contract",
            root_id="root",
            parent_id="root",
            parent_sequence=3,
            fence=lease.fence,
        )
        run = RunInfo(code="shop:Contract", steps=(StepInfo("a"),), origins={"a": "root"})
        await writer.append(capture(snapshot("root~r1")), run=run)
        await storage.save_snapshot(snapshot("stranger"))

        kin = await storage.get_kin("root")
        assert list(kin.sagas) == ["root", "root~r1"]
        assert kin.family is not None
        family = await storage.get_family("root")
        assert family is not None
        assert kin.family.held
        clocks: dict[str, Any] = {"now": 0, "alive_until": None}
        assert replace(kin.family, **clocks) == replace(family, **clocks)
        for saga_id, told in kin.sagas.items():
            assert told.summary == await storage.get_saga(saga_id)
            assert told.run == await storage.get_run(saga_id)
            assert told.timeline == await storage.list_checkpoints(saga_id)
        assert list((await storage.get_kin("root~r1")).sagas) == ["root", "root~r1"]
        assert (await storage.get_kin("stranger")).family is None

    async def test_only_a_short_sagas_own_bodies_come_with_its_kin(
        self, storage: SnapshotStorage
    ) -> None:
        for n in range(3):
            await storage.save_snapshot(snapshot("root", context={"n": n}))
        lease = await storage.acquire_lease("root", owner="kim", holder="root~r1")
        writer = storage.writer(
            saga_id="root~r1", saga_name="Contract", root_id="root", fence=lease.fence
        )
        await writer.append(capture(snapshot("root~r1")))
        backend = storage.backend
        written = [entry.body for entry in await backend.entries("root", 1, 3)]
        for most, bodies in ((3, written), (2, [None] * 3)):
            kin = await backend.kin("root", bodies_up_to=most)
            assert kin is not None
            told = {row.saga_id: [each.body for each in entries] for row, entries in kin.members}
            assert told == {"root": bodies, "root~r1": [None]}

    async def test_nobody_has_no_kin(self, storage: SnapshotStorage) -> None:
        with pytest.raises(SagaNotFoundError, match="nobody"):
            await storage.get_kin("nobody")
