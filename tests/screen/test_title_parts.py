"""A title says how a saga stands before anything else, however little room there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sagaz_core.model import SagaSummary
from sagaz_tui.widgets.lines import line_text, spread
from sagaz_tui.widgets.saga_title import link_words, saga_words
from sagaz_tui.widgets.title_parts import fitted
from tests.screen.failures import NOW

RUNNING = SagaSummary(
    saga_id="order_8841~r1",
    saga_name="OrderSaga",
    status="executing",
    step_name="charge_payment",
    started_at=NOW,
    updated_at=NOW,
    compensation="none",
    error="",
    error_group="",
    checkpoints=3,
    root_id="order_8841",
    parent_id="order_8841",
    parent_sequence=2,
)


def title(width: int, saga: SagaSummary = RUNNING, production: str = "PROD-EU") -> str:
    link = link_words(
        production,
        new=2,
        stale="",
        limits="READ ONLY",
        quiet=("silent 38 s", ", lease to 03:17:07"),
    )
    return line_text(spread(*fitted(saga_words(saga, None), link, width), width))


def test_what_gives_way_first_is_what_can_best_be_done_without() -> None:
    parts = {
        "from #2": 147,
        "lease to": 116,
        "OrderSaga": 97,
        "READ ONLY": 86,
        "silent 38 s": 75,
    }
    for words, least in parts.items():
        for width in range(60, 160):
            assert (words in title(width)) == (width >= least), (words, width)


@pytest.mark.parametrize("width", [62, 80, 120])
@pytest.mark.parametrize("saga_id", ["order_8841~r1", "f47ac10b-58cc-4372-a567-0e02b2c3d479"])
def test_how_it_stands_which_store_and_how_live_stay(saga_id: str, width: int) -> None:
    shown = title(width, replace(RUNNING, saga_id=saga_id))
    assert "▸ running charge_payment" in shown
    assert " PROD-EU " in shown
    assert shown.endswith(" +2 new (G) ")
    assert saga_id[-5:] in shown
