"""The list of a store of very many sagas opens and answers at the cost of what is in sight."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaz_core.storage.backends.rows import SagaPage, SagaQuery, SagaRow
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.rows import append_of
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.settings import Settings
from tests.screen.looking import press, until, until_painted

MANY = 5_000


class CountingBackend(SQLiteBackend):
    """Counts the rows of sagas that it hands out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.handed_out = 0

    async def sagas(self, query: SagaQuery, *, cursor: str | None, limit: int) -> SagaPage:
        page = await super().sagas(query, cursor=cursor, limit=limit)
        self.handed_out += len(page.rows)
        return page

    async def saga(self, saga_id: str) -> SagaRow | None:
        self.handed_out += 1
        return await super().saga(saga_id)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[CountingBackend]:
    """A store of many failed sagas, the newest with the highest number."""
    made = CountingBackend(tmp_path / "s.db")
    async with SnapshotStorage(made):
        appends = [append_of(f"order_{n:05}", status="failed") for n in range(MANY)]
        await made.append(
            [
                each._replace(saga=each.saga._replace(updated=each.saga.updated + n))
                for n, each in enumerate(appends)
            ]
        )
        yield made


async def test_the_list_opens_counts_and_answers_without_reading_all_sagas(
    backend: CountingBackend,
) -> None:
    app = SagazApp(SnapshotStorage(backend), Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await until_painted(pilot, "▌✗ order_04999", "1 Failed 5,000", "3 All 5,000")
        press(pilot, "j", "j")
        await until_painted(pilot, "▌✗ order_04997")
        press(pilot, *"/order_0000")
        press(pilot, "enter")
        await until_painted(pilot, "▌✗ order_00009")
        assert backend.handed_out < MANY / 2


async def test_one_more_saga_costs_the_open_list_no_look_at_all_of_them(
    backend: CountingBackend,
) -> None:
    app = SagazApp(SnapshotStorage(backend), Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await until_painted(pilot, "▌✗ order_04999", "1 Failed 5,000")
        backend.handed_out = 0
        append = append_of("order_new", status="failed")
        await backend.append(
            [append._replace(saga=append.saga._replace(updated=append.saga.updated + MANY))]
        )
        await until_painted(pilot, "↑ 1 newer")
        assert backend.handed_out < MANY / 5


async def test_a_thousand_failures_move_nothing_under_a_person_who_scrolls(
    backend: CountingBackend,
) -> None:
    app = SagazApp(SnapshotStorage(backend), Settings())
    async with app.run_test(size=(100, 30)) as pilot:
        await until_painted(pilot, "▌✗ order_04999", "1 Failed 5,000")
        for hundred in range(10):
            appends = [append_of(f"new_{hundred}_{n:02}", status="failed") for n in range(100)]
            later = MANY + 100 * hundred
            await backend.append(
                [
                    each._replace(saga=each.saga._replace(updated=each.saga.updated + later + n))
                    for n, each in enumerate(appends)
                ]
            )
            press(pilot, "j", "j", "k")
        await until_painted(pilot, "▌✗ order_04989", "↑ 100+ newer", "1 Failed 6,000")
        press(pilot, "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        assert app.screen.saga_id == "order_04988"
