"""A value in few cells is still the value that was recorded."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from rich.cells import cell_len

from sagaz_tui.showing.values import value_text
from sagaz_tui.widgets.shown_value import shown_value

INDIA = timezone(timedelta(hours=5, minutes=30))
WHEN = datetime(2026, 7, 3, 3, 9, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "room", "shown"),
    [
        (WHEN, 25, "2026-07-03T03:09:58+00:00"),
        (WHEN, 22, "2026-07-03T03:09:58Z"),
        (WHEN, 19, "2026-07-03T03:09:…Z"),
        (WHEN.replace(tzinfo=INDIA), 22, "2026-07-03T03:0…+05:30"),
        (WHEN.replace(microsecond=123456), 24, "2026-07-03T03:09:58.12…Z"),
        (WHEN.replace(tzinfo=None), 12, "2026-07-03T…"),
        (time(3, 9, 58, 123456, tzinfo=INDIA), 16, "03:09:58.…+05:30"),
        (WHEN, 7, "2026-0…"),
        ("2026-07-03T03:09:58+00:00", 12, '"2026-07-03…'),
    ],
)
def test_a_time_that_is_cut_keeps_its_zone(value: Any, room: int, shown: str) -> None:
    assert shown_value(value, room) == shown
    assert cell_len(shown) <= room


def test_what_fits_is_shown_as_it_is_typed() -> None:
    for value in (WHEN, time(3, 9, tzinfo=UTC), 1.5, "text", {"a": [1]}):
        assert shown_value(value, 80) == value_text(value)
