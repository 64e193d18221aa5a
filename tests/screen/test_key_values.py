"""A key's values are read around the cursor, and no more of them than are looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.debugger.key_values import TOGETHER, KeyValues
from sagaz_tui.screens.blame import BlameScreen
from sagaz_tui.widgets.blame_list import BlameList
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import counting_snapshots, record
from tests.screen.test_debugger import debugging

COUNT = 150


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one saga whose ``count`` each checkpoint changes."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, counting_snapshots(COUNT))
        yield storage


def numbers(values: KeyValues) -> list[int]:
    return [entry.sequence for entry in values.entries]


async def test_the_value_in_force_comes_first_and_then_both_ways(store: SnapshotStorage) -> None:
    values = KeyValues(store, "count_1", "count", 100)
    await values.read_older()
    assert numbers(values) == list(range(100, 100 - TOGETHER, -1))
    assert values.tells_of("count", 100)
    assert not values.tells_of("count", 101)
    assert not values.tells_of("steady", 100)
    await values.read_newer()
    assert numbers(values) == list(range(100 + TOGETHER, 100 - TOGETHER, -1))
    assert values.tells_of("count", 100 + TOGETHER)
    assert not values.tells_of("count", 100 - TOGETHER)
    while not values.whole:
        await (values.read_newer() if values.has_first else values.read_older())
    assert numbers(values) == list(range(COUNT, 0, -1))
    assert [entry.value for entry in values.entries[-2:]] == [2, 1]


async def test_a_key_set_once_long_ago_is_read_at_once(store: SnapshotStorage) -> None:
    values = KeyValues(store, "count_1", "steady", 140)
    await values.read_older()
    await values.read_newer()
    assert numbers(values) == [1]
    assert values.whole
    assert values.tells_of("steady", COUNT)
    assert not values.tells_of("steady", COUNT + 1)


async def test_what_deleted_checkpoints_changed_is_told_once(store: SnapshotStorage) -> None:
    for number in (99, 100):
        snapshot = await store.get_checkpoint("count_1", number)
        await store.delete_snapshot(snapshot.snapshot_id)
    values = KeyValues(store, "count_1", "count", 100)
    await values.read_older()
    await values.read_newer()
    assert [number for number in numbers(values) if 97 <= number <= 102] == [102, 101, 98, 97]


def shown(pilot: Pilot[None]) -> BlameList:
    return pilot.app.screen.query_one(BlameList)


async def walk(pilot: Pilot[None], key: str, text: str) -> None:
    """Press a key, some at a time, until a text is painted."""
    for _ in range(COUNT):
        if text in painted(pilot.app):
            return
        press(pilot, *[key] * 10)
        await pilot.pause()
    raise AssertionError(f"never came: {text}\n{painted(pilot.app)}")


async def test_the_sheet_reads_on_as_it_is_walked_and_what_is_lit_stays(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *"#100", "enter")
        await until_painted(pilot, "2 Context @#100")
        press(pilot, "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BlameScreen), "the sheet")
        await until_painted(pilot, "Blame count", "▌▸#100", "+ values")
        assert shown(pilot).count < COUNT / 2
        press(pilot, "k", "k")
        await until_painted(pilot, "▌ #102 ")
        await walk(pilot, "k", f"▌ #{COUNT} ")
        await walk(pilot, "j", "▌ #1 ")
        await until_painted(pilot, f"{COUNT} values")
