"""What the stores that are compared are filled with, and asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from sagaz_core.model import StepError
from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.times import to_micros

ROOTS: Final = {"a": 3600.0, "*{}%": 0.0}
"""Families by their root, and the seconds for which their leases hold: long, or not at all."""
REPLAYS: Final = {f"{root}~r{number}": root for root in ROOTS for number in (1, 2)}
LATER: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""After any moment that a store could take from a clock, so that none does."""
SAGAS: Final = (*ROOTS, *REPLAYS)
KEYS: Final = ("x", "y", "x:y", "")
STEPS: Final = ("a", "b", "a:b")
STATUSES: Final = ("executing", "compensating", "completed", "failed")
KINDS: Final = ("before_step", "after_step", "step_failed", "manual")
TAGS: Final = ({}, {"order": "1"}, {"order": "2", "": "é"})
RETENTIONS: Final = (None, 1, 2, 3)
"""Hours from now; a test takes seconds."""
END: Final = 1 << 62

sagas = st.sampled_from(SAGAS)
roots = st.sampled_from(tuple(ROOTS))
keys = st.sampled_from((b"0", b"1", b"2", b"\xff"))
"""Wrapped keys, and codes."""
moments = st.integers(-3, 12).map(lambda seconds: LATER + timedelta(seconds=seconds))
numbers = st.integers(0, 9)
limits = st.none() | st.integers(0, 4)
values = st.integers(0, 3) | st.text("aé", max_size=3) | st.lists(st.integers(0, 2), max_size=30)
contexts = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
errors = st.none() | st.builds(
    StepError, st.sampled_from(("CardDeclined", "E")), st.sampled_from(("Ünable 1", "100% [x]", ""))
)
states = st.fixed_dictionaries(
    {
        "context": contexts,
        "status": st.sampled_from(STATUSES),
        "kind": st.sampled_from(KINDS),
        "step_name": st.none() | st.sampled_from(STEPS),
        "created_at": moments,
        "error": errors,
        "hours": st.sampled_from(RETENTIONS),
        "results": st.dictionaries(st.sampled_from(STEPS), values, max_size=2),
        "completed_steps": st.lists(st.sampled_from(STEPS), max_size=3, unique=True),
        "saga_name": st.sampled_from(("Order", "Ord[e]r", "Other")),
    }
)
"""What a checkpoint says beside its saga and its id."""

queries = st.builds(
    SagaQuery,
    status=st.lists(st.sampled_from((*STATUSES, "interrupted")), max_size=3, unique=True).map(
        tuple
    ),
    name=st.none() | st.sampled_from(("Ord*", "Ord[e]r", "*r", "Other", "*")),
    prefix=st.none() | st.sampled_from(("a", "a~", "*", "")),
    step=st.none() | st.sampled_from(STEPS),
    error=st.none() | st.sampled_from(("üNAB", "%", "e: ", "")),
    updated_since=st.none() | moments.map(to_micros),
    updated_until=st.none() | moments.map(to_micros),
    started_since=st.none() | moments.map(to_micros),
    started_until=st.none() | moments.map(to_micros),
    tags=st.sampled_from(((), (), (("order", "1"),), (("order", "2"), ("", "é")))),
    root=st.none() | roots,
    unsettled=st.booleans(),
)
