"""The selected saga beside the rows of a wide terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.model import RunInfo, SagaSnapshot, StepInfo
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.reader import StoreReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.widgets.lines import line_width
from sagaz_tui.widgets.saga_preview import SagaPreview, preview_lines
from tests.screen.failures import begin, complete, fail
from tests.screen.lists import listing, selected
from tests.screen.looking import painted, press, texts, until, until_painted
from tests.screen.recorded import order_snapshots, record

WIDE = (200, 40)


class Counting(SnapshotStorage):
    """A real store that tells which sagas' contexts were read."""

    def __init__(self, real: SnapshotStorage) -> None:
        super().__init__(real.backend)
        self.read: list[str] = []

    @property
    def masked(self) -> StoreReader:
        """Itself: nothing in it is secret."""
        return self

    async def get_latest_snapshot(
        self, saga_id: str, before_step: str | None = None
    ) -> SagaSnapshot | None:
        self.read.append(saga_id)
        return await super().get_latest_snapshot(saga_id, before_step)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Counting]:
    """An order that was rolled back, forty others that failed later, and one that runs."""
    async with Counting(SQLiteSnapshotStorage(tmp_path / "orders.db")) as storage:
        await record(storage, order_snapshots())
        for number in range(100, 140):
            await fail(storage, f"order_{number}", age=150 - number, context={"number": number})
        await begin(storage, "order_200")
        yield storage


def beside(pilot: Pilot[None]) -> str:
    """What is painted of the preview."""
    left = pilot.app.screen.query_one(SagaPreview).region.x
    return "\n".join(line[left + 1 :] for line in painted(pilot.app).splitlines())


async def test_error_steps_and_context_of_the_selected_saga_stand_beside_the_rows(
    store: Counting,
) -> None:
    async with listing(store, WIDE) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_139", "a selection")
        press(pilot, "G")
        await until(pilot, lambda: selected(pilot) == "order_1", "the last one")
        await until_painted(pilot, "order_1  OrderSaga  ✗ failed at", "· rolled back")
        shown = beside(pilot)
        assert "CardDeclined: token expired" in shown
        assert "shop/payment.py:88 _send" in shown
        assert "◆ reserve  undone" in shown
        assert "Context, 5 keys" in shown
        assert "99.99" in shown


async def test_it_follows_the_selection_and_reads_only_what_is_stayed_at(store: Counting) -> None:
    async with listing(store, WIDE) as pilot:
        await until_painted(pilot, "order_139  OrderSaga  ✗ failed at charge")
        store.read.clear()
        press(pilot, *["j"] * 30)
        await until_painted(pilot, "order_109  OrderSaga  ✗ failed at charge")
        assert len(store.read) < 10
        assert store.read[-1] == "order_109"


async def test_it_follows_a_saga_that_goes_on(store: Counting) -> None:
    async with listing(store, WIDE) as pilot:
        press(pilot, "2")
        await until_painted(pilot, "order_200  OrderSaga  ▸ running reserve", "▸ reserve  running")
        await complete(store, "order_200")
        await until_painted(pilot, "order_200  OrderSaga  ✓ completed")


async def test_a_narrower_terminal_has_the_rows_alone(store: Counting) -> None:
    async with listing(store, (199, 40)) as pilot:
        await until(pilot, lambda: selected(pilot) == "order_139", "a selection")
        assert not pilot.app.screen.query(SagaPreview)
        await pilot.resize_terminal(*WIDE)
        await until_painted(pilot, "order_139  OrderSaga  ✗ failed at charge")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "Context," not in painted(pilot.app), "the rows alone")


async def test_steps_that_did_not_run_are_there_too(store: Counting) -> None:
    saga = await store.get_saga("order_1")
    assert saga is not None
    run = RunInfo(steps=tuple(StepInfo(name) for name in ("reserve", "charge", "ship")))
    lines = preview_lines(saga, await store.get_latest_snapshot("order_1"), run, 70)
    assert [line for line in texts(lines) if "ship" in line] == [" ○ ship  not run"]


async def test_a_hostile_context_stays_within_its_lines(store: Counting) -> None:
    keys = {f"key_{number}": number for number in range(10_000)}
    await fail(store, "order_bad", age=1, context={"\x1b[31m[red]": "\x1b]0;x\x07\n" * 100, **keys})
    saga = await store.get_saga("order_bad")
    assert saga is not None
    lines = preview_lines(saga, await store.get_latest_snapshot("order_bad"), RunInfo(), 70)
    assert all(line_width(line) <= 70 for line in lines)
    assert "\\x1b[31m[red]" in "\n".join(texts(lines))
    assert "\x1b" not in "\n".join(texts(lines))
    assert len(lines) < 300
