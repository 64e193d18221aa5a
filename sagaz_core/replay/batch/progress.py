"""How far a batch is: the state of each of its sagas, and what is told of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sagaz_core.model import utc_now
from sagaz_core.replay.batch.items import (
    ENDED,
    BatchEvent,
    BatchItem,
    BatchReport,
    EventKind,
    State,
)
from sagaz_core.storage.error_groups import group_error

_log = logging.getLogger("sagaz")


class Progress:
    """The sagas of a batch as this process knows them.

    Args:
        items: in the batch's order; changed as it goes on.
        batch_id: None: of a dry run or a rehearsal.
        on_event: called with each event, in the event loop. What it raises is logged: it
            stops no replay.
    """

    def __init__(
        self,
        items: list[BatchItem],
        *,
        batch_id: str | None = None,
        on_event: Callable[[BatchEvent], None] | None = None,
    ) -> None:
        self.items = items
        self.batch_id = batch_id
        self.started_at: datetime = utc_now()
        self._on_event = on_event
        self._done = sum(item.state in ENDED for item in items)

    def counts(self) -> Counter[State]:
        """Return how many sagas are in which state."""
        return Counter(item.state for item in self.items)

    def left(self) -> list[int]:
        """Return the places of the sagas that are not settled."""
        return [at for at in range(len(self.items)) if not self.is_settled(at)]

    def is_settled(self, at: int) -> bool:
        """Whether it is known what became of a saga."""
        return self.items[at].state in ENDED

    def change(self, at: int, state: State, **fields: Any) -> BatchItem:
        """Change one saga's state, and what is known of it."""
        before = self.items[at]
        self.items[at] = replace(before, state=state, **fields)
        self._done += (state in ENDED) - (before.state in ENDED)
        return self.items[at]

    def tell(self, kind: EventKind, at: int | None = None) -> None:
        """Tell of an event, of one saga or of the batch."""
        if self._on_event is None:
            return
        event = BatchEvent(
            kind=kind,
            batch_id=self.batch_id,
            item=None if at is None else self.items[at],
            done=self._done,
            total=len(self.items),
            at=utc_now(),
        )
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - it is the caller's, and stops no replay
            _log.exception("on_event of a batch raised; the batch goes on")

    def report(
        self,
        status: Literal["completed", "stopped", "valid", "invalid"],
        stopped_because: str | None = None,
    ) -> BatchReport:
        """Return what has become of the batch until now."""
        counts = self.counts()
        return BatchReport(
            batch_id=self.batch_id,
            status=status,
            total=len(self.items),
            succeeded=counts["succeeded"],
            failed=counts["failed"],
            in_doubt=counts["in_doubt"],
            skipped=counts["skipped"],
            left=counts["waiting"] + counts["running"],
            failed_by_error=count_errors(self.items),
            items=tuple(self.items),
            started_at=self.started_at,
            finished_at=utc_now(),
            stopped_because=stopped_because,
        )


def count_errors(items: Iterable[BatchItem]) -> dict[str, int]:
    """Return how many failed by which errors, the most frequent first."""
    groups: Counter[str] = Counter()
    for item in items:
        if item.state == "failed":
            kind, _, message = (item.error or "it failed").partition(": ")
            groups[group_error(kind, message)] += 1
    return dict(groups.most_common())
