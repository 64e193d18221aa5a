"""The list's filter as a person types it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sagaz_core.errors import UsageError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_tui.saga_list.feed import Question, SagaFeed
from sagaz_tui.saga_list.filter import SagaFilter, parse_filter
from sagaz_tui.widgets.filter_line import FilterLine

NOW = datetime(2026, 7, 3, 3, 12, tzinfo=UTC)


def test_nothing_filters_nothing() -> None:
    assert parse_filter("  ") == SagaFilter()


def test_nobody_types_into_a_line_that_is_no_longer_there() -> None:
    assert not FilterLine().typing


def test_words_are_read_together() -> None:
    found = parse_filter('status:failed name:Order* since:2h error:"token exp" tag:shop=eu order_8')
    assert found == SagaFilter(
        prefix="order_8",
        status=("failed",),
        name="Order*",
        error="token exp",
        since=timedelta(hours=2),
        tags=(("shop", "eu"),),
    )


def test_times_count_back_from_now() -> None:
    arguments = parse_filter("since:2h until:2026-07-03T03:00:00+00:00").arguments(NOW)
    assert arguments["since"] == NOW - timedelta(hours=2)
    assert arguments["until"] == NOW.replace(minute=0)


def test_a_span_longer_than_the_calendar_reaches_its_beginning() -> None:
    assert parse_filter("since:900000d").arguments(NOW)["since"] == datetime.min.replace(tzinfo=UTC)


def test_several_statuses_are_alternatives() -> None:
    assert parse_filter("status:failed,interrupted").status == ("failed", "interrupted")


@pytest.mark.parametrize("saga_id", ["../*%{}", "a:b", "http://x", "order_8841~r1"])
def test_an_id_may_look_like_anything(saga_id: str) -> None:
    assert parse_filter(saga_id).prefix == saga_id


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("status:", "status: wants a value"),
        ("status:faild", "no status 'faild'; there are executing"),
        ("since:yesterday", "'yesterday' is no time; write 2h"),
        ("since:99999999999999999999w", "is no time"),
        ("until:2026-13-01", "is no time"),
        ("name:A name:B", "name: is there twice"),
        ("order_1 order_2", "an id begins one way only"),
        ("tag:shop", "write a tag as tag:name=value"),
        ("tag:shop=eu tag:shop=us", "tag:shop is there twice"),
        ('error:"open', "a quotation mark is open"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_filter(text)


async def test_a_tag_finds_its_saga_in_the_list() -> None:
    async with InMemorySnapshotStorage() as storage:
        for number in ("8841", "8842"):
            writer = storage.writer(
                saga_id=f"saga_{number}", saga_name="S", tags={"order_id": number}
            )
            await writer.append(
                capture(SagaSnapshot(saga_id=f"saga_{number}", saga_name="S", status="failed"))
            )
        question = Question(filter=parse_filter("tag:order_id=8841"))
        rows = await SagaFeed(storage, question, NOW).next_rows()
        assert [row.saga_id for row in rows] == ["saga_8841"]
