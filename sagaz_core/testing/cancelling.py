"""Whoever is cancelled in the middle of a call leaves the store as usable as it was."""

from __future__ import annotations

import asyncio
from typing import Any

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot

_READERS = 30


class CancellingContract(ContractBase):
    """Whoever is cancelled in the middle of a call leaves the store as usable as it was."""

    async def test_a_cancelled_save_leaves_nothing_half_done(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(step="s0", context={"n": 0}))
        for number in range(1, 40):
            save = asyncio.ensure_future(
                storage.save_snapshot(snapshot(step=f"s{number}", context={"n": number}))
            )
            for _ in range(number // 2):
                await asyncio.sleep(0)
            save.cancel()
            await asyncio.gather(save, return_exceptions=True)
        await storage.save_snapshot(snapshot(step="end", context={"n": "end"}))
        found = await storage.list_snapshots("saga")
        assert [each.sequence for each in found] == list(range(len(found), 0, -1))
        assert found[0].context == {"n": "end"}
        for each in found[1:]:
            assert each.step_name == f"s{each.context['n']}"
        touches = await storage.list_changes("saga", key="n")
        assert [each.sequence for each in touches] == [each.sequence for each in found]

    async def test_a_cancelled_save_takes_nobody_else_s_along(
        self, storage: SnapshotStorage
    ) -> None:
        for turn in range(10):
            saves = [
                asyncio.ensure_future(
                    storage.save_snapshot(snapshot(f"saga{number}", context={"turn": turn}))
                )
                for number in range(20)
            ]
            for _ in range(turn):
                await asyncio.sleep(0)
            for save in saves[::2]:
                save.cancel()
            await asyncio.gather(*saves, return_exceptions=True)
            assert [await save for save in saves[1::2]] == [turn + 1] * 10

    async def test_no_answer_reaches_another_s_question(self, storage: SnapshotStorage) -> None:
        for number in range(_READERS):
            for _ in range(2):
                await storage.save_snapshot(
                    snapshot(f"saga{number}", context={f"key{number}": number})
                )

        async def ask(number: int) -> tuple[Any, ...]:
            saga_id = f"saga{number}"
            saga = await storage.get_saga(saga_id)
            found = await storage.list_snapshots(saga_id)
            touches = await storage.list_changes(saga_id)
            assert saga is not None
            return saga.saga_id, [each.context for each in found], [each.key for each in touches]

        for turn in range(12):
            asking = [asyncio.ensure_future(ask(number)) for number in range(_READERS)]
            for _ in range(2 * turn):
                await asyncio.sleep(0)
            for each in asking[turn % 3 :: 3]:
                each.cancel()
            answers = await asyncio.gather(*asking, return_exceptions=True)
            for number, answer in enumerate(answers):
                if not isinstance(answer, asyncio.CancelledError):
                    context = {f"key{number}": number}
                    assert answer == (f"saga{number}", [context] * 2, [f"key{number}"])

    async def test_a_cancelled_follower_frees_what_it_waited_with(
        self, storage: SnapshotStorage
    ) -> None:
        async def follow() -> None:
            async for _ in storage.follow("nobody"):
                pass

        for _ in range(20):
            followers = [asyncio.ensure_future(follow()) for _ in range(5)]
            await storage.get_saga("nobody")
            for each in followers:
                each.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
        assert await storage.save_snapshot(snapshot()) == 1
        assert len(await storage.list_snapshots("saga")) == 1
