"""Two who append to one saga at once: one wins each number, the other loses nothing but that.

They are two tasks of this process here, each with a backend of its own;
:class:`~sagaz_core.testing.processes.ProcessContract` makes them two processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from sagaz_core.errors import HeadConflictError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot
from sagaz_core.testing.rows import append_of

_ROUNDS: Final = 25

Meet = Callable[[], Awaitable[object]]
"""Waits until the other one has come here too."""

Job = Callable[[Backend, int, Meet], Coroutine[Any, Any, list[Any]]]
"""What each of the two does, as the 0th or the 1st; a function of a module, so that it can be
sent to another process."""


class TwoWritersContract(ContractBase):
    """Of two who append to one saga at once, one wins each number, and hears of it."""

    async def both(self, place: Path, job: Job) -> list[list[Any]]:
        """Let two do a job at once and return what each came back with."""
        barrier = asyncio.Barrier(2)
        jobs = (job(self.make_backend(place), number, barrier.wait) for number in range(2))
        return await asyncio.gather(*jobs)

    async def test_exactly_one_of_two_wins_each_number_and_who_loses_it_loses_nothing_else(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        first, second = await self.both(place, _race_for_each_number)
        winners = []
        for number, outcomes in enumerate(zip(first, second, strict=True), start=1):
            shared = [outcome for outcome, _ in outcomes]
            assert sorted(shared) == [("conflict", number), ("stored", number)]
            winners.append(shared.index(("stored", number)))
        found = await storage.list_snapshots("shared")
        assert [each.sequence for each in reversed(found)] == list(range(1, _ROUNDS + 1))
        assert [each.context["by"] for each in reversed(found)] == winners
        touches = await storage.list_changes("shared", key="by")
        assert [each.sequence for each in reversed(touches)] == list(range(1, _ROUNDS + 1))
        for by, told in enumerate((first, second)):
            assert [own for _, own in told] == [("stored", n) for n in range(1, _ROUNDS + 1)]
            found = await storage.list_snapshots(f"own{by}")
            assert [each.context for each in reversed(found)] == [
                {"by": by, "round": n} for n in range(1, _ROUNDS + 1)
            ]

    async def test_two_who_save_to_one_saga_each_store_all_they_have(
        self, storage: SnapshotStorage, place: Path
    ) -> None:
        told = await self.both(place, _save_again_until_it_is_stored)
        numbers = {number: (by, n) for by, each in enumerate(told) for n, number in enumerate(each)}
        assert sorted(numbers) == list(range(1, 2 * _ROUNDS + 1))
        async for found in storage.iter_checkpoints("shared"):
            by, n = numbers[found.sequence]
            assert found.context == {"by": by, f"log{by}": [f"line {each}" for each in range(n)]}
        for by in range(2):
            found_own = await storage.list_snapshots(f"own{by}")
            assert [each.context["n"] for each in reversed(found_own)] == list(range(_ROUNDS))


async def _race_for_each_number(backend: Backend, by: int, meet: Meet) -> list[Any]:
    """Append to the same saga at the same number as the other, and beside it to one's own."""
    await backend.open(read_only=False)
    told = []
    for number in range(1, _ROUNDS + 1):
        group = [
            append_of("shared", number, context={"by": by, "round": number}),
            append_of(f"own{by}", number, context={"by": by, "round": number}),
        ]
        await meet()
        told.append(tuple(tuple(outcome) for outcome in await backend.append(group)))
    await backend.close()
    return told


async def _save_again_until_it_is_stored(backend: Backend, by: int, meet: Meet) -> list[Any]:
    """Save to the same saga as the other; return the numbers that one's checkpoints got."""
    async with SnapshotStorage(backend) as storage:

        async def share(n: int) -> int:
            log = [f"line {each}" for each in range(n)]
            taken = snapshot("shared", context={"by": by, f"log{by}": log})
            while True:
                try:
                    return await storage.save_snapshot(taken)
                except HeadConflictError:
                    continue

        await meet()
        numbers = []
        for n in range(_ROUNDS):
            number, _ = await asyncio.gather(
                share(n), storage.save_snapshot(snapshot(f"own{by}", context={"n": n}))
            )
            numbers.append(number)
        return numbers
