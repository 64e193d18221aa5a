"""A saga of very many checkpoints opens, moves and grows at the cost of what is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends.rows import EntryRow, MarkRow
from sagaz_core.storage.backends.sqlite.backend import SQLiteBackend
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.rows import append_of
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger.moment import Moment
from sagaz_tui.debugger.session import SagaSession
from sagaz_tui.replaying.start import Start, start_of
from sagaz_tui.screens.history import HistoryScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.why import WhyText
from tests.screen.looking import painted, press, until, until_painted

MANY = 12_000


class CountingBackend(SQLiteBackend):
    """Counts the rows that it hands out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.entries_read = 0
        self.marks_read = 0

    async def entries(self, *arguments: Any, **options: Any) -> list[EntryRow]:
        found = await super().entries(*arguments, **options)
        self.entries_read += len(found)
        return found

    async def marks(self, saga_id: str, lo: int, hi: int) -> list[MarkRow]:
        found = await super().marks(saga_id, lo, hi)
        self.marks_read += len(found)
        return found

    def start_over(self) -> None:
        self.entries_read = self.marks_read = 0


def history(count: int) -> Iterator[dict[str, Any]]:
    """What each checkpoint is: steps one after another, one that failed in between, a failure."""
    for number in range(1, count + 1):
        kind = "step_failed" if number in (20, count - 2) else "before_step"
        yield {
            "kind": "before_compensation" if number > count - 2 else kind,
            "step": f"step_{number - (kind == 'step_failed'):05}",
            "context": {"number": number, "half": number // 2},
            "status": "compensating" if number > count - 2 else "executing",
        }


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long") / "s.db"


@pytest.fixture
async def backend(path: Path) -> AsyncIterator[CountingBackend]:
    """A store with one long saga, written once."""
    made = CountingBackend(path)
    async with SnapshotStorage(made):
        if await made.saga("long") is None:
            await made.append(
                [append_of("long", n, **each) for n, each in enumerate(history(MANY), 1)]
            )
        yield made


@asynccontextmanager
async def looking(backend: CountingBackend) -> AsyncIterator[Pilot[None]]:
    app = SagazApp(SnapshotStorage(backend), Settings(), "long")
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until_painted(pilot, f"2 Context @#{MANY - 2} ")
        yield pilot


async def test_a_session_begins_with_the_end_of_a_long_saga(backend: CountingBackend) -> None:
    session = SagaSession(SnapshotStorage(backend), "long")
    assert await session.refresh()
    view = session.view
    assert view is not None
    assert len(view.checkpoints) == MANY
    assert view.failure is not None
    assert view.failure.sequence == MANY - 2
    assert view.start == Start(f"step_{MANY - 3:05}", MANY - 3)
    assert backend.entries_read + backend.marks_read < 4_000
    backend.start_over()
    await session.moment(MANY - 2)
    assert backend.entries_read < 600


async def test_going_anywhere_reads_a_page_and_a_state(backend: CountingBackend) -> None:
    session = SagaSession(SnapshotStorage(backend), "long")
    await session.refresh()
    async for _ in session.read_earlier():
        pass
    assert session.view is not None
    checkpoints = session.view.checkpoints
    assert checkpoints.outline.failure_near(MANY - 2, -1) == 20
    for number in (1, 7_000, 300, MANY):
        backend.start_over()
        await session.read_rows(number)
        moment = await session.moment(number)
        row = checkpoints.by_number(number)
        assert row is not None
        assert row.sequence == number
        assert moment.snapshot is not None
        assert moment.snapshot.context["number"] == number
        assert moment.set_at["half"] == max(number - number % 2, 1)
        assert backend.entries_read + backend.marks_read < 1_200


async def test_one_more_checkpoint_costs_no_look_at_those_before(
    path: Path, tmp_path: Path
) -> None:
    backend = CountingBackend(tmp_path / "growing.db")
    async with SnapshotStorage(backend) as storage:
        await backend.append(
            [append_of("long", n, **each) for n, each in enumerate(history(3_000), 1)]
        )
        session = SagaSession(storage, "long")
        await session.refresh()
        async for _ in session.read_earlier():
            pass
        await session.moment(3_000)
        for number in range(3_001, 3_006):
            saved = SagaSnapshot(
                saga_id="long", saga_name="S", kind="after_compensation", status="compensating"
            )
            await storage.save_snapshot(saved)
            backend.start_over()
            assert await session.refresh()
            assert session.view is not None
            assert session.view.last is not None
            assert session.view.last.sequence == number
            assert backend.entries_read + backend.marks_read <= 1


async def test_the_screen_follows_the_cursor_from_end_to_end(backend: CountingBackend) -> None:
    async with looking(backend) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, HistoryScreen)
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1 ", f"#1/{MANY} before_step step_00001")
        await until_painted(pilot, "    7 ○ before step_00007")
        press(pilot, *"l" * 30)
        await until_painted(pilot, "2 Context @#31 ", "▌   31 ○ before step_00031")
        press(pilot, "F")
        await until_painted(pilot, "2 Context @#20 ")
        # Any checkpoint is this near; of 100,000 one figure further.
        press(pilot, ":", *"9999", "enter")
        await until_painted(pilot, "2 Context @#9999 ", "▌ 9999 ○ before step_09999")
        press(pilot, "G")
        await until_painted(pilot, f"2 Context @#{MANY} ", f"▌{MANY} ◇ undo")
        press(pilot, "[")
        await until_painted(pilot, f"2 Context @#{MANY - MANY % 2} ")
        await until(pilot, lambda: painted(pilot.app).splitlines()[1].count("✗") == 2, "both")


async def test_where_the_cursor_is_shows_before_anything_is_read_for_it(
    backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with looking(backend) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, HistoryScreen)
        await until(pilot, screen._whole.is_set, "all kinds known")
        seen: list[str] = []
        moment, displayed = screen._session.moment, screen.displayed

        async def read(sequence: int) -> Moment:
            seen.append(f"read {sequence}")
            return await moment(sequence)

        def painted_now() -> None:
            displayed()
            words = painted(pilot.app).splitlines()[4].split()
            seen.append(f"painted {words[0]}")

        monkeypatch.setattr(screen._session, "moment", read)
        monkeypatch.setattr(screen, "displayed", painted_now)
        # As if it were not painted a moment ago, or the key would share the next frame.
        screen._painted_at = 0.0
        press(pilot, "h")
        await until_painted(pilot, f"2 Context @#{MANY - 3} ", f"Why @#{MANY - 3} ")
        assert seen[:2] == [f"painted #{MANY - 3}/{MANY}", f"read {MANY - 3}"]


async def test_a_pane_that_is_not_open_is_written_once_it_is(backend: CountingBackend) -> None:
    async with looking(backend) as pilot:
        press(pilot, "h")
        await until_painted(pilot, f"2 Context @#{MANY - 3} ")
        assert not pilot.app.screen.query("#why-diff-text")
        await pilot.resize_terminal(140, 30)
        await until_painted(pilot, f"4 Diff 1 @#{MANY - 3} ", "~ /number")
        beside = pilot.app.screen.query_one("#why-diff-text", WhyText)
        assert beside.count > 0


async def test_rows_scrolled_to_are_read(backend: CountingBackend) -> None:
    async with looking(backend) as pilot:
        timeline = pilot.app.screen.query_one("Timeline")
        timeline.scroll_to(y=5_000, animate=False, force=True)
        await until_painted(pilot, " 5003 ○ before step_05003", " 5010 ○ before step_05010")


async def test_what_was_undone_long_ago_is_marked_once_it_is_known(tmp_path: Path) -> None:
    backend = CountingBackend(tmp_path / "undone.db")
    async with SnapshotStorage(backend) as storage:
        done: dict[str, Any] = {"results": {"reserve": {"id": 7}}, "completed_steps": ["reserve"]}
        kinds = {3: "before_compensation", 4: "after_compensation"}
        await backend.append(
            [
                append_of("long", n, kind=kinds.get(n, "manual"), step="reserve", **done)
                for n in range(1, 2_500)
            ]
        )
        app = SagazApp(storage, Settings(), "long")
        async with app.run_test(size=(120, 30)) as pilot:
            await until_painted(pilot, "2 Context @#2499 ", "⊘ undone at #4")


async def test_a_jump_marks_no_more_lines_to_be_redrawn_than_are_in_sight(
    backend: CountingBackend,
) -> None:
    async with looking(backend) as pilot:
        timeline = pilot.app.screen.query_one("Timeline")
        noted: list[int] = []
        refresh = timeline.refresh

        def watched(*regions: Region, **options: Any) -> Widget:
            noted.extend(region.height for region in regions)
            return refresh(*regions, **options)

        timeline.refresh = watched  # type: ignore[method-assign, assignment]
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1 ")
        press(pilot, "G")
        await until_painted(pilot, f"2 Context @#{MANY} ")
        assert noted
        assert max(noted) <= timeline.size.height


async def test_a_start_that_was_not_recorded_is_looked_for_once_all_is_read(
    backend: CountingBackend,
) -> None:
    storage = SnapshotStorage(backend)
    backend.start_over()
    assert await start_of(storage, "long", "unrecorded", MANY - 2, thorough=False) is None
    assert backend.marks_read <= 1_000
    found = await start_of(storage, "long", "unrecorded", MANY - 2)
    assert found == Start("unrecorded", MANY - 3)


async def test_opening_a_long_saga_does_not_wait_for_such_a_start(
    backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[bool] = []

    async def noted(*_: object, thorough: bool) -> Start | None:
        searched.append(thorough)
        return Start("a", 1) if thorough else None

    monkeypatch.setattr("sagaz_tui.debugger.session.start_of", noted)
    session = SagaSession(SnapshotStorage(backend), "long")
    await session.refresh()
    assert session.view is not None
    assert session.view.start is None
    async for _ in session.read_earlier():
        assert searched == [False]
    assert searched == [False, True]
    assert session.view.start == Start("a", 1)
