"""A session reads each checkpoint once, keeps a bounded part, and knows who set what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagaz_core.errors import SagaNotFoundError
from sagaz_core.history.diff import diff
from sagaz_core.model import Difference, SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.reader import StoreReader
from sagaz_tui.debugger.moment import changes_among, set_since
from sagaz_tui.debugger.session import SagaSession
from tests.screen.recorded import counting_snapshots, order_snapshots, record


class CountingStorage(InMemorySnapshotStorage):
    """Remembers which checkpoints were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []

    @property
    def masked(self) -> StoreReader:
        """Itself: nothing here is secret."""
        return self

    async def get_checkpoint(
        self, saga_id: str, sequence: int, *, steps: bool = True
    ) -> SagaSnapshot:
        self.read.append(sequence)
        return await super().get_checkpoint(saga_id, sequence, steps=steps)


@pytest.fixture
async def storage() -> AsyncIterator[CountingStorage]:
    """A store with a saga of 60 steps and a failed order."""
    async with CountingStorage() as storage:
        await record(storage, counting_snapshots(60))
        await record(storage, order_snapshots())
        yield storage


async def test_a_timeline_needs_no_context(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    assert await session.refresh()
    assert session.view is not None
    assert len(session.view.checkpoints) == 60
    assert storage.read == []


async def test_a_checkpoint_is_read_once(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    await session.refresh()
    first = await session.moment(5)
    assert await session.moment(5) is first
    assert storage.read == [5, 4]
    assert [(change.path, change.before, change.after) for change in first.changes] == [
        ("/count", 4, 5)
    ]


async def test_going_on_reads_one_checkpoint_each(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    await session.refresh()
    for sequence in range(1, 11):
        await session.moment(sequence)
    assert storage.read == list(range(1, 11))


async def test_going_back_reads_one_checkpoint_each(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    await session.refresh()
    for sequence in range(40, 30, -1):
        moment = await session.moment(sequence)
        assert [(each.before, each.after) for each in moment.changes] == [(sequence - 1, sequence)]
    assert storage.read == list(range(40, 29, -1))


async def test_neighbours_keep_what_they_have_in_common_once() -> None:
    async with CountingStorage() as storage:
        snapshots = [
            SagaSnapshot(
                saga_id="large",
                saga_name="Large",
                context={"n": number, "text": "x" * 1000, "list": [1.0, number // 10]},
            )
            for number in range(1, 31)
        ]
        await record(storage, snapshots)
        session = SagaSession(storage, "large")
        await session.refresh()
        for sequence in (*range(10, 20), *range(9, 0, -1)):
            await session.moment(sequence)
        read = [session.known(number) for number in range(1, 20)]
        contexts = [each.snapshot.context for each in read if each and each.snapshot]
        assert [context["n"] for context in contexts] == list(range(1, 20))
        assert [context["list"] for context in contexts] == [[1.0, n // 10] for n in range(1, 20)]
        assert len({id(context["text"]) for context in contexts}) == 1
        assert len({id(context["list"]) for context in contexts}) == 2


async def test_neighbours_are_read_ahead_where_the_cursor_goes(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    await session.refresh()
    await session.moment(30)
    assert session.unread_near(30, 1) == [31, 32, 33, 34, 35, 36, 29]
    assert session.unread_near(30, -1) == [29, 28, 27, 26, 25, 24, 31]
    await session.moment(60)
    assert session.unread_near(60, 1) == [59]


async def test_of_heavy_checkpoints_only_a_few_are_kept_and_none_read_ahead() -> None:
    async with CountingStorage() as storage:
        heavy = [
            SagaSnapshot(
                saga_id="heavy",
                saga_name="Heavy",
                context={"all": list(range(30_000)), "n": number},
            )
            for number in range(12)
        ]
        await record(storage, heavy)
        session = SagaSession(storage, "heavy")
        await session.refresh()
        for sequence in range(1, 13):
            await session.moment(sequence)
            assert session.unread_near(sequence, 1) == []
        kept = [sequence for sequence in range(1, 13) if session.known(sequence)]
        assert kept == [8, 9, 10, 11, 12]


async def test_only_what_was_set_meanwhile_is_compared(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[set[str]] = []

    def noted(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
        compared.append(before.keys() | after.keys())
        return diff(before, after)

    monkeypatch.setattr("sagaz_tui.debugger.moment.diff", noted)
    session = SagaSession(storage, "count_1")
    await session.refresh()
    earlier, later = await session.moment(5), await session.moment(30)
    assert compared == [{"count"}, {"count"}]
    assert earlier.snapshot is not None
    assert later.snapshot is not None
    assert set_since(earlier, later) == {"count"}
    states = earlier.snapshot.state, later.snapshot.state
    assert changes_among(*states, set_since(earlier, later)) == tuple(diff(*states))


async def test_what_was_removed_is_set_since_too() -> None:
    async with InMemorySnapshotStorage() as storage:
        states: list[dict[str, Any]] = [
            {"lock": "w-7", "same": 1}, {"same": 1}, {"new": 2, "same": 1}
        ]  # fmt: skip
        snapshots = [
            SagaSnapshot(saga_id="o", saga_name="O", kind="manual", context=context)
            for context in states
        ]
        await record(storage, snapshots)
        session = SagaSession(storage, "o")
        await session.refresh()
        first, last = await session.moment(1), await session.moment(3)
        assert set_since(first, last) == {"lock", "new"}
        assert [change.path for change in (await session.moment(2)).changes] == ["/lock"]


async def test_only_what_is_new_is_read_again(storage: CountingStorage) -> None:
    session = SagaSession(storage, "count_1")
    await session.refresh()
    before = session.view
    assert not await session.refresh()
    await record(storage, counting_snapshots(2, first=61))
    assert await session.refresh()
    assert before is not None
    assert session.view is not None
    checkpoints = session.view.checkpoints
    assert checkpoints is before.checkpoints
    assert [checkpoints.outline.number_at(place) for place in (59, 60, 61)] == [60, 61, 62]
    assert [row.step_name for row in map(checkpoints.row, (59, 60, 61)) if row] == [
        "step_060",
        "step_061",
        "step_062",
    ]


async def test_a_moment_tells_who_set_each_key_and_a_session_where_it_changes(
    storage: CountingStorage,
) -> None:
    session = SagaSession(storage, "order_1")
    await session.refresh()
    assert (await session.moment(2)).causes == {"reserve": "reserve"}
    assert (await session.moment(1)).set_at.keys() == {
        "amount",
        "cart",
        "order_id",
        "payment_token",
    }
    assert (await session.moment(6)).set_at["reserve"] == 2
    assert await session.next_change("reserve", 1, 1) == 2
    assert await session.next_change("reserve", 2, 1) is None
    assert await session.next_change("reserve", 6, -1) == 2
    assert await session.next_change("no such key", 3, 1) is None


async def test_an_unknown_saga_is_said_to_be_unknown(storage: CountingStorage) -> None:
    with pytest.raises(SagaNotFoundError, match="order_404"):
        await SagaSession(storage, "order_404").refresh()
