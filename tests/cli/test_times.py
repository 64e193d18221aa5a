"""Times are read as people write them, in UTC or with their zone, or as how long ago."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sagaz_core.errors import UsageError
from sagaz_tui.cli.times import parse_time, time_text

NOW = datetime(2024, 12, 15, 12, tzinfo=UTC)


@pytest.fixture
def machine_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-12-15T10:30:00Z", datetime(2024, 12, 15, 10, 30, tzinfo=UTC)),
        ("2024-12-15 10:30:00.250+02:00", datetime(2024, 12, 15, 8, 30, 0, 250_000, UTC)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("30m ago", NOW - timedelta(minutes=30)),
        (" 2D AGO ", NOW - timedelta(days=2)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("10s ago", NOW - timedelta(seconds=10)),
        ("1w ago", NOW - timedelta(days=7)),
    ],
)
def test_a_time_is_read(text: str, moment: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_time(text, "--at", now=NOW) == moment
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("machine_in_berlin")
def test_a_time_without_a_zone_is_the_machines_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse_time("2024-12-15T10:30", "--at") == datetime(2024, 12, 15, 9, 30, tzinfo=UTC)
    assert capsys.readouterr().err == (
        "sagaz: --at 2024-12-15T10:30 names no zone; "
        "read in this machine's as 2024-12-15T10:30:00+01:00\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13-01",
        "25:00",
        "99999999999d ago",
        "0001-01-01",
        "-2h",
        "9" * 400 + "h",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write it as 2024-12-15T10:30:00Z or as '2h ago'"):
        parse_time(text, "--after")


def test_times_are_printed_in_utc_to_the_millisecond() -> None:
    assert time_text(datetime(2024, 1, 2, 3, 4, 5, 678_900, UTC)) == "2024-01-02 03:04:05.678Z"
