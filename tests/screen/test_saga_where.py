"""The list filtered by an expression over each saga's latest checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.saga_list.filter import parse_filter
from tests.screen.failures import TIMEOUT, fail
from tests.screen.lists import ids, listing
from tests.screen.looking import painted, press, until, until_painted


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """Five failed orders of growing amounts, the dearest last; one has none."""
    async with SQLiteSnapshotStorage(tmp_path / "orders.db") as storage:
        for number in range(1, 6):
            await fail(
                storage, f"order_{number}", age=100 - number, context={"amount": 10 * number}
            )
        await fail(storage, "order_6", age=3, error=TIMEOUT)
        yield storage


def test_where_takes_all_that_follows_it() -> None:
    found = parse_filter('name:Order* where:ctx.amount > 30 && ctx.note != "a b"')
    assert found.name == "Order*"
    assert found.where == 'ctx.amount > 30 && ctx.note != "a b"'


def test_an_id_that_only_ends_like_it_is_an_id() -> None:
    assert parse_filter("elsewhere:1").prefix == "elsewhere:1"


async def test_only_sagas_of_which_it_is_true_are_shown(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"name:Order* where:ctx.amount > 30", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_5", "order_4"], "the two")
        await until_painted(pilot, "6 looked at")


async def test_what_is_newer_is_asked_too(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"where:ctx.amount > 30", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_5", "order_4"], "the two")
        await fail(store, "order_7", age=2, context={"amount": 5})
        await fail(store, "order_8", age=1, context={"amount": 70})
        await until_painted(pilot, "↑ 1 newer", "8 looked at")
        press(pilot, "g")
        await until(pilot, lambda: ids(pilot) == ["order_8", "order_5", "order_4"], "it")


async def test_star_marks_those_of_which_it_is_true(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"where:ctx.amount > 30", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_5", "order_4"], "the two")
        press(pilot, "*")
        await until_painted(pilot, "• 2 marked")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("where:", "where: wants an expression after it"),
        ("where:ctx.amount >", "the expression"),
        ("where:contxt.amount > 1", "contxt"),
    ],
)
async def test_one_that_cannot_be_asked_says_why_and_keeps_the_rows(
    store: SnapshotStorage, typed: str, sentence: str
) -> None:
    async with listing(store) as pilot:
        await until(pilot, lambda: len(ids(pilot)) == 6, "the rows")
        press(pilot, "/", *typed, "enter")
        await until_painted(pilot, sentence)
        assert len(ids(pilot)) == 6
        press(pilot, "/", *(["backspace"] * len(typed)), *"where:ctx.amount == 10", "enter")
        await until(pilot, lambda: ids(pilot) == ["order_1"], "the corrected one")


async def test_where_it_has_no_answer_is_told(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, "/", *"where:ctx.amount", "enter")
        await until_painted(pilot, "no answer for 5, taken for no: saga 'order_5': it gives")
        await until_painted(pilot, "No saga matches")


async def test_no_more_sagas_are_asked_than_are_wanted(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_tui.saga_list.feed.PAGE", 2)
    monkeypatch.setattr("sagaz_tui.screens.live_sagas._LOOK_AT", 2)
    async with listing(store) as pilot:
        press(pilot, "/", *"where:ctx.amount == 10", "enter")
        await until_painted(pilot, "4 looked at (G)", "No saga has matched so far; G looks at all")
        press(pilot, "G")
        await until(pilot, lambda: ids(pilot) == ["order_1"], "the rest")
        await until_painted(pilot, "6 looked at")
        assert "so far" not in painted(pilot.app)


class Patient(SnapshotStorage):
    """A real store of which one saga is read only when it is let."""

    held: asyncio.Event | None = None

    @property
    def masked(self) -> StoreReader:
        return self

    async def get_latest_snapshot(
        self, saga_id: str, before_step: str | None = None
    ) -> SagaSnapshot | None:
        if self.held is not None and saga_id == "order_1":
            await self.held.wait()
        return await super().get_latest_snapshot(saga_id, before_step)


async def test_asking_all_of_them_tells_how_far_it_is_and_can_be_left(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagaz_core.history.search.TOGETHER", 1)
    async with Patient(store.backend) as patient, listing(patient) as pilot:
        await until(pilot, lambda: len(ids(pilot)) == 6, "all")
        press(pilot, "s")
        await until_painted(pilot, "by oldest")
        patient.held = asyncio.Event()
        press(pilot, "/", *"where:ctx.amount > 30", "enter")
        await until_painted(pilot, "5 looked at")
        assert len(ids(pilot)) == 6
        press(pilot, "escape")
        await until(pilot, lambda: "looked at" not in painted(pilot.app), "the filter left")
