"""A store opens when it is needed, closes when told, and can be used again after that."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class OpeningContract(ContractBase):
    """A store opens when it is needed, closes when told, and can be used again after that."""

    async def test_it_can_be_used_again_after_it_was_closed(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context={"n": 1}))
        await storage.close()
        found = await storage.get_latest_snapshot("saga")
        assert found is not None
        assert found.context == {"n": 1}
        await storage.save_snapshot(snapshot(context={"n": 2}))
        assert len(await storage.list_snapshots("saga")) == 2

    async def test_opening_and_closing_twice_is_once(self, place: Path) -> None:
        storage = SnapshotStorage(self.make_backend(place))
        await storage.close()
        await asyncio.gather(*(storage.open() for _ in range(5)))
        await storage.save_snapshot(snapshot())
        await asyncio.gather(*(storage.close() for _ in range(5)))
        await storage.close()

    async def test_first_use_by_many_at_once_opens_it(self, place: Path) -> None:
        storage = SnapshotStorage(self.make_backend(place))
        await asyncio.gather(*(storage.save_snapshot(snapshot(f"s{n}")) for n in range(20)))
        assert len(await storage.list_snapshots()) == 20
        await storage.close()

    async def test_many_instances_may_make_a_store_at_once(self, place: Path) -> None:
        storages = [SnapshotStorage(self.make_backend(place)) for _ in range(6)]
        await asyncio.gather(
            *(each.save_snapshot(snapshot(f"s{n}")) for n, each in enumerate(storages))
        )
        for each in storages:
            assert len(await each.list_snapshots()) == 6
            await each.close()

    async def test_closing_waits_for_what_is_being_written(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        saves = [asyncio.ensure_future(storage.save_snapshot(snapshot(f"s{n}"))) for n in range(9)]
        await asyncio.sleep(0)
        await storage.close()
        assert await asyncio.gather(*saves) == [1] * 9
        assert len(await other.list_snapshots()) == 9

    def test_it_serves_several_event_loops_one_after_another(self, place: Path) -> None:
        storage = SnapshotStorage(self.make_backend(place))

        async def use(number: int) -> list[int]:
            await asyncio.gather(
                storage.save_snapshot(snapshot(context={"n": number})),
                storage.save_snapshot(snapshot(f"s{number}")),
            )
            return [each.context["n"] for each in await storage.list_snapshots("saga")]

        for number in range(4):
            assert asyncio.run(use(number)) == list(range(number, -1, -1))
        asyncio.run(storage.close())
        assert asyncio.run(use(4)) == [4, 3, 2, 1, 0]
        asyncio.run(storage.close())

    async def test_it_describes_itself(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        empty = await storage.info()
        assert (empty.sagas, empty.entries) == (0, 0)
        for number in range(3):
            await storage.save_snapshot(snapshot("a", context={"n": number}))
        await storage.save_snapshot(snapshot("b"))
        info = await other.info()
        assert (info.sagas, info.entries) == (2, 4)
        assert info.bytes > 0
        assert info.description
        assert storage.name

    async def test_it_finds_nothing_wrong_with_itself(self, storage: SnapshotStorage) -> None:
        for number in range(3):
            await storage.save_snapshot(snapshot(f"s{number}"))
        await storage.save_snapshot(snapshot("s0", status="failed"))
        findings = await storage.backend.check()
        assert findings
        assert [each for each in findings if each.level == "error"] == []
        for each in findings:
            assert each.what
            assert each.level == "ok" or each.advice
