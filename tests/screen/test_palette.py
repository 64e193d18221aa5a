"""The palette does anything by its name, and goes anywhere in a history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.masked_reader import MaskedReader
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.debugger.going import ToMoment, ToNumber, ToTime, ToWhere, parse_go
from sagaz_tui.keys.commands import commands_for, matching
from sagaz_tui.screens.debugger import DebuggerScreen
from sagaz_tui.screens.palette import PaletteScreen
from sagaz_tui.screens.sagas import SagasScreen
from tests.screen.lists import listing
from tests.screen.looking import painted, press, until, until_painted
from tests.screen.recorded import at, counting_snapshots, order_snapshots, record
from tests.screen.test_debugger import debugging


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SnapshotStorage]:
    """A store with one failed order and one saga of 60 steps, one each second and a half."""
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, order_snapshots())
        await record(storage, counting_snapshots(60))
        yield storage


# ---------------------------------------------------------------- doing


async def test_it_offers_what_keys_do_and_does_what_is_chosen(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, ":")
        await until_painted(pilot, "open the saga in the debugger", "─ Palette ─")
        press(pilot, *"view all", "enter")
        await until_painted(pilot, "STEP", "count_1")
        assert isinstance(pilot.app.screen, SagasScreen)


async def test_keys_that_come_in_one_piece_do_what_was_typed(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, ":", *"who set", "enter")
        await until_painted(pilot, "Blame amount")


async def test_edits_in_files_are_offered_and_typed_on(
    store: SnapshotStorage, tmp_path: Path
) -> None:
    edits = tmp_path / "edits.json"
    edits.write_text('{"amount": 5}')
    async with debugging(store) as pilot:
        press(pilot, ":", *"load")
        await until_painted(pilot, "▌ load FILE: stage the edits that are in a file")
        press(pilot, "enter")
        await until_painted(pilot, ":load ")
        press(pilot, *str(edits), "enter")
        await until_painted(pilot, "1 staged")
        press(pilot, ":", *"save", "enter")
        await until_painted(pilot, ":save ")


def test_edits_in_files_are_offered_only_where_there_are_edits() -> None:
    files = {"load FILE: stage the edits that are in a file"}
    assert files <= {each.text for each in commands_for("debugger", {})}
    assert not files & {each.text for each in commands_for("list", {})}
    ghost = commands_for("debugger", {}, leave_out={"debugger.edit"})
    assert not files & {each.text for each in ghost}


async def test_colours_are_chosen_by_name(store: SnapshotStorage) -> None:
    async with listing(store) as pilot:
        press(pilot, ":", *"theme light", "enter")
        await until(pilot, lambda: pilot.app.theme == "sagaz-light", "the light theme")


async def test_what_nothing_is_called_is_said(store: SnapshotStorage) -> None:
    async with debugging(store) as pilot:
        press(pilot, ":", *"[red]zz")
        await until_painted(pilot, "nothing is called [red]zz; to go somewhere: #500")


def test_commands_are_found_by_all_words_what_begins_so_first() -> None:
    commands = commands_for("debugger", {}, ["sagaz-dark"])
    texts = [command.text for command in matching(commands, "checkpoint")]
    assert texts[0] == "checkpoint before"
    assert "next checkpoint" in texts
    assert [command.call for command in matching(commands, "theme dark")] == [
        "app.use_theme('sagaz-dark')"
    ]


# ---------------------------------------------------------------- going


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("#500", ToNumber(500)),
        ("500", ToNumber(500)),
        ("+2s", ToMoment(timedelta(seconds=2), "+2s")),
        ("-1.5 m", ToMoment(timedelta(seconds=-90), "-1.5 m")),
        ("+250ms", ToMoment(timedelta(milliseconds=250), "+250ms")),
        ("03:10:41", ToTime(time(3, 10, 41), timedelta(seconds=1), "03:10:41")),
        ("3:10", ToTime(time(3, 10), timedelta(minutes=1), "3:10")),
        ("03:10:41.2", ToTime(time(3, 10, 41, 200000), timedelta(milliseconds=100), "03:10:41.2")),
        (
            "2026-07-03 03:10:41Z",
            ToTime(
                datetime(2026, 7, 3, 3, 10, 41, tzinfo=UTC),
                timedelta(seconds=1),
                "2026-07-03 03:10:41Z",
            ),
        ),
        ("where ctx.n > 1", ToWhere("ctx.n > 1")),
        ("where", ToWhere("")),
        *[(text, None) for text in ("", "#", "#-1", "+2", "25:00", "03:60", "wherever", "٣", "-")],
        ("9" * 40, None),
        ("+" + "9" * 40 + "d", None),
    ],
)
def test_places_are_typed_as_number_span_time_or_expression(typed: str, meant: Any) -> None:
    assert parse_go(typed) == meant


def test_a_time_without_a_day_is_on_the_day_that_is_nearest() -> None:
    noon = datetime(2026, 7, 3, 0, 5).astimezone()
    before_midnight = parse_go("23:59:30")
    assert isinstance(before_midnight, ToTime)
    found = before_midnight.near(noon)
    assert (found.day, found.second, found.microsecond) == (2, 30, 999_999)


def test_a_time_lasts_as_long_as_the_last_figure_that_was_typed() -> None:
    for typed, last in (
        ("2026-07-03T03:10Z", "03:10:59.999999"),
        ("2026-07-03 03:10:41Z", "03:10:41.999999"),
        ("2026-07-03 03:10:41.2Z", "03:10:41.299999"),
    ):
        moment = parse_go(typed)
        assert isinstance(moment, ToTime)
        assert moment.near(at(1)).astimezone(UTC).time().isoformat() == last


async def test_a_number_leads_there_and_the_way_back_is_kept(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *"#12")
        await until_painted(pilot, "▌ go to checkpoint #12")
        press(pilot, "enter")
        await until_painted(pilot, "2 Context @#12 ", "▌12 ○ before step_012")
        press(pilot, "ctrl+o")
        await until_painted(pilot, "2 Context @#60 ")


async def test_keys_typed_on_land_where_the_number_led(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *"#12", "enter", "l")
        await until_painted(pilot, "2 Context @#13 ")


async def test_a_number_that_is_not_there_is_said_and_can_be_corrected(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *"#600", "enter")
        await until_painted(pilot, "there is no checkpoint #600; the last one is #60")
        press(pilot, "backspace", "enter")
        await until_painted(pilot, "2 Context @#60 ")


async def test_spans_of_time_lead_on_and_back(store: SnapshotStorage) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g", ":", *"+3s", "enter")
        await until_painted(pilot, "2 Context @#3 ")
        press(pilot, ":", *"-2s", "enter")
        await until_painted(pilot, "2 Context @#1 ")
        press(pilot, ":", *"+1s", "enter")
        await until_painted(pilot, "nothing was recorded within 1s after #1")
        press(pilot, "escape", ":", *"-1h", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        await until_painted(pilot, "2 Context @#1 ")


async def test_a_time_leads_to_what_was_true_then(store: SnapshotStorage) -> None:
    moment = at(7).astimezone()
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *f"{moment:%H:%M:%S}", "enter")
        await until_painted(pilot, "2 Context @#7 ")
        press(pilot, ":", *f"{moment - timedelta(hours=1):%H:%M:%S}", "enter")
        await until_painted(pilot, "nothing had been recorded; it began at")


async def test_where_leads_to_where_it_becomes_true_next_and_on_from_the_beginning(
    store: SnapshotStorage,
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, "g")
        await until_painted(pilot, "2 Context @#1 ")
        for number in (20, 40, 60, 20):
            press(pilot, ":", *"where ctx.count % 20 == 0", "enter")
            await until_painted(pilot, f"2 Context @#{number} ")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("where", "where wants an expression after it"),
        ("where ctx.count >", "ends too early; write it as"),
        ("where ctx.count == 100", "it becomes true at no checkpoint"),
        ("where ctx.cuont == 1", "none has cuont, which it names"),
        ("where ctx.count", "it has no answer"),
    ],
)
async def test_what_is_wrong_with_an_expression_is_said(
    store: SnapshotStorage, typed: str, said: str
) -> None:
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *typed, "enter")
        await until_painted(pilot, said)
        assert isinstance(pilot.app.screen, PaletteScreen)


async def test_a_long_search_shows_how_far_it_is_and_can_be_left(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    read = MaskedReader.iter_checkpoints

    async def endless(
        self: MaskedReader, saga_id: str, *bounds: Any, **more: Any
    ) -> AsyncGenerator[Any, None]:
        try:
            async for snapshot in read(self, saga_id):
                yield snapshot
                if snapshot.sequence == 40:
                    await asyncio.Event().wait()
        finally:
            ended.set()

    async with debugging(store, "count_1") as pilot:
        monkeypatch.setattr(MaskedReader, "iter_checkpoints", endless)
        press(pilot, ":", *"where ctx.count == 50", "enter")
        await until_painted(pilot, "looked at #32 of 60 · esc leaves it")
        press(pilot, "escape")
        await until_painted(pilot, "left; enter begins it again")
        await asyncio.wait_for(ended.wait(), 10)
        press(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DebuggerScreen), "the debugger")
        assert "2 Context @#60 " in painted(pilot.app)


async def test_a_store_out_of_reach_is_named(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(saga_id: str, timestamp: datetime) -> int:
        raise StorageUnavailableError("the disk is gone; mount it again")

    monkeypatch.setattr(store, "get_number_at_time", gone)
    async with debugging(store, "count_1") as pilot:
        press(pilot, ":", *"-2s", "enter")
        await until_painted(pilot, "the disk is gone; mount it again")
