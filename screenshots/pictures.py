"""Which pictures there are, and how one gets to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screenshots.recording import ORDER
from screenshots.recording_quote import QUOTE

Keys = tuple[str, ...]
Step = tuple[Keys, str]
"""Keys, and what shows that they have worked."""


@dataclass(frozen=True)
class Picture:
    """One picture, and the way there."""

    name: str
    size: tuple[int, int]
    way: Sequence[Step]
    saga_id: str | None = None
    """The saga whose debugger the way begins in; None: it begins in the list."""
    theme: str = "dark"
    ascii: bool = False
    production: str = "PROD-EU"
    replayed: bool = False
    """Whether the order has been replayed since."""
    batch: bool = False
    """Whether a batch is under way; the way begins there."""


SMALL, WIDE, HUGE = (80, 24), (120, 40), (200, 60)
LISTED: Step = ((), "1 Failed 130")
SEEN: Step = ((), "shop/payment.py")
TYPED: Step = (("e", *"payment_token=tok_new"), "tok_new")
STAGED: Step = (("enter",), "1 staged")
PLANNED: Step = (("R",), "as a new branch")
REHEARSED: Step = (("s",), "it would succeed")

PICTURES = (
    Picture("list-80x24", SMALL, (LISTED,)),
    Picture("list-120x40", WIDE, (LISTED,)),
    Picture("list-200x60", HUGE, (LISTED, ((), "Context, 9 keys"))),
    Picture("debugger-80x24", SMALL, (SEEN,), ORDER),
    Picture("debugger-120x40", WIDE, (SEEN,), ORDER),
    Picture("debugger-200x60", HUGE, (SEEN, ((), "7 Lineage"), ((), "Blame amount")), ORDER),
    Picture("parallel-120x40", WIDE, (((), "shop/mail.py"),), QUOTE, replayed=True),
    Picture("blame-80x24", SMALL, (SEEN, (("b",), "the start")), ORDER),
    Picture("compare-80x24", SMALL, (SEEN, (("c",), "what it set")), ORDER, replayed=True),
    Picture("lineage-80x24", SMALL, (SEEN, (("t",), "another card")), ORDER, replayed=True),
    Picture(
        "marks-120x40",
        WIDE,
        (SEEN, (("g", "m", "f", "'"), "(mark) → #3"), (("4", "v"), " │ ")),
        ORDER,
        replayed=True,
    ),
    Picture("edit-80x24", SMALL, (SEEN, TYPED), ORDER),
    Picture("plan-80x24", SMALL, (SEEN, TYPED, STAGED, PLANNED), ORDER, production=""),
    Picture(
        "rehearsal-80x24", SMALL, (SEEN, TYPED, STAGED, PLANNED, REHEARSED), ORDER, production=""
    ),
    Picture(
        "ghost-120x40",
        WIDE,
        (SEEN, TYPED, STAGED, PLANNED, REHEARSED, (("enter",), "2 Context @#4")),
        ORDER,
        production="",
    ),
    Picture("batch-plan-80x24", SMALL, (LISTED, (("*",), "130 marked"), (("R",), "Type 130"))),
    Picture("batch-80x24", SMALL, (((), "874 of 1,499"),), batch=True),
    Picture("list-light-80x24", SMALL, (LISTED,), theme="light"),
    Picture("debugger-light-120x40", WIDE, (SEEN,), ORDER, theme="light"),
    Picture("debugger-contrast-80x24", SMALL, (SEEN,), ORDER, theme="contrast"),
    Picture("debugger-ansi-80x24", SMALL, (SEEN,), ORDER, theme="ansi"),
    Picture("debugger-ascii-80x24", SMALL, (SEEN,), ORDER, ascii=True),
)
