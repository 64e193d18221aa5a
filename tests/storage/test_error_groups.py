"""Errors that differ only in numbers, ids and quoted text make one group."""

from __future__ import annotations

import time

import pytest

from sagaz_core.storage.error_groups import group_error


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 1 failed", "order 20394 failed"),
        ("order_8841: no stock", "order_12: no stock"),
        ("no such user 'ada'", 'no such user "bob"'),
        ("timeout after 1.5 s", "timeout after 30 s"),
        ("request deadbeefcafe0123 lost", "request 00aa11bb22cc33dd lost"),
        (
            "saga 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is gone",
            "saga aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee is gone",
        ),
        ("at 10:20:30 on 2024-01-02", "at 23:59:01 on 1999-12-31"),
        ("card ‹secret 19ch ·08c9› declined", "card ‹secret 16ch ·fade› declined"),
        ("first line 1\nsecond line", "first line 2\nanother"),
    ],
)
def test_the_same_trouble_is_one_group(one: str, other: str) -> None:
    assert group_error("E", one) == group_error("E", other)


def test_ten_thousand_orders_are_one_group() -> None:
    assert len({group_error("E", f"order_{n}: token tok_{n}x expired") for n in range(10_000)}) == 1


def test_different_troubles_stay_apart() -> None:
    assert group_error("E", "card declined") != group_error("E", "gateway timeout")
    assert group_error("A", "card declined") != group_error("B", "card declined")


def test_an_error_without_a_message_is_grouped_by_its_type() -> None:
    assert group_error("ValueError", " ") == "ValueError"


def test_a_huge_message_takes_no_time() -> None:
    began = time.perf_counter()
    assert len(group_error("E", "x1'\"" * 1_000_000)) < 300
    assert time.perf_counter() - began < 0.5
