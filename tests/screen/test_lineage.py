"""A saga's family as a tree on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.history.lineage import Branch, Lineage, lineage
from sagaz_core.model import PlannedOverride, utc_now
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.lineage import LineageScreen
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.context_tree import ContextTree
from sagaz_tui.widgets.lineage_list import lineage_lines
from sagaz_tui.widgets.lines import line_text
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.replayed import fail_parcel, replay_parcel


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with a parcel, a replay that failed too, and one that grew from that."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await fail_parcel(storage)
        await replay_parcel(storage, token="expired", reason="the bank is back")
        await replay_parcel(storage, "parcel_1~r1", token="new", reason="another card")
        yield storage


@asynccontextmanager
async def looking_at(
    storage: SnapshotStorage, saga_id: str, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The app with the lineage over a saga's debugger."""
    app = SagazApp(storage, Settings(), saga_id, ascii=False)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, DebuggerScreen), "the debugger")
        await until(pilot, lambda: app.screen.query_one(ContextTree).count, "a context")
        press(pilot, "t")
        await until(pilot, lambda: isinstance(app.screen, LineageScreen), "the lineage")
        yield pilot


async def test_t_draws_each_run_with_where_it_grew_from_what_was_changed_and_why(
    store: SnapshotStorage,
) -> None:
    async with looking_at(store, "parcel_1~r1") as pilot:
        await until_painted(
            pilot,
            "─ Lineage of parcel_1 ",
            " 3 runs ─",
            " ✗ parcel_1  failed, rolled back",
            "▌└─ ✗ parcel_1~r1  failed, rolled back  from #2 charge",
            "by ana: the bank is back",
            "└─ ✓ parcel_1~r2  completed  from #",
            '~ /token  "expired" → "new"',
            "by ana: another card",
            "here  ",
        )


async def test_enter_on_the_run_itself_only_closes_the_tree(store: SnapshotStorage) -> None:
    async with looking_at(store, "parcel_1") as pilot:
        await until_painted(pilot, "▌✗ parcel_1 ")
        press(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        assert pilot.app.screen.saga_id == "parcel_1"  # type: ignore[attr-defined]
        assert "Lineage" not in painted(pilot.app)


async def test_a_store_out_of_reach_is_named(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(root_id: str) -> Any:
        raise StorageUnavailableError("the disk is gone; mount it again")

    monkeypatch.setattr(store, "list_family", gone)
    async with looking_at(store, "parcel_1") as pilot:
        await until_painted(pilot, "the disk is gone; mount it again")


async def test_where_there_is_room_the_family_stands_open_beside(store: SnapshotStorage) -> None:
    app = SagazApp(store, Settings(), "parcel_1", ascii=False)
    async with app.run_test(size=(200, 60), notifications=True) as pilot:
        await until_painted(pilot, "─ 7 Lineage ", "✗ parcel_1  failed", "by ana: another card")
        press(pilot, *["tab"] * 5)
        await until_painted(pilot, "▌✗ parcel_1 ")
        press(pilot, "j", "enter")
        await until_painted(pilot, "parcel_1~r1  ReplayedParcel  ✗ failed at charge")


async def test_a_replay_that_was_made_meanwhile_is_there_on_coming_back(
    store: SnapshotStorage,
) -> None:
    await fail_parcel(store, "parcel_2")
    app = SagazApp(store, Settings(), "parcel_2", ascii=False)
    async with app.run_test(size=(200, 60), notifications=True) as pilot:
        await until_painted(pilot, "─ 7 Lineage ", "✗ parcel_2  failed")
        press(pilot, "?")
        await until_painted(pilot, "Keys and signs")
        await replay_parcel(store, "parcel_2")
        press(pilot, "escape")
        await until_painted(pilot, "✓ parcel_2~r1  completed")


@pytest.mark.parametrize("width", [60, 78, 118])
async def test_many_and_deep_replays_of_a_long_id_differ_in_what_is_shown(
    store: SnapshotStorage, width: int
) -> None:
    saga = (await lineage("parcel_1", store)).branches[0].saga
    root = f"checkout-eu-central-1-{'0' * 80}"
    branches = tuple(
        Branch(
            saga=replace(saga, saga_id=f"{root}~r{number}", parent_id=root, parent_sequence=2),
            depth=depth,
            from_step="charge",
            override=(),
            initiated_by="",
            reason=None,
        )
        for number, depth in enumerate([1] * 200 + list(range(2, 60)), 1)
    )
    family = Lineage(saga_id=root, root_id=root, branches=branches)
    shown = [line_text(line) for _, line in lineage_lines(family, width, utc_now())]
    assert all(f"~r{number}  failed" in line for number, line in enumerate(shown, 1))
    assert all(cell_len(line) <= width for line in shown)
    assert "(59) ✗" in shown[-1]


@pytest.mark.parametrize("width", [20, 40, 80, 160])
async def test_a_deep_and_hostile_family_stays_in_its_lines(
    store: SnapshotStorage, width: int
) -> None:
    saga = (await lineage("parcel_1", store)).branches[0].saga
    hostile = "[red]\x1b[2J\u202e語\x07" * 50
    family = Lineage(
        saga_id="parcel_1",
        root_id="parcel_1",
        branches=tuple(
            Branch(
                saga=saga,
                depth=depth,
                from_step=hostile,
                override=(
                    PlannedOverride(path=f"/{hostile}", before=hostile, after=hostile * 1_000),
                ),
                initiated_by=hostile,
                reason=hostile,
            )
            for depth in range(40)
        ),
    )
    for _, line in lineage_lines(family, width, utc_now()):
        assert line_text(line).isprintable()
