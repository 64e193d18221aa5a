"""How far a batch is, as told by the events that its process writes, or by its store."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sagaz_core.storage.error_groups import group_error

ItemState = Literal["succeeded", "failed", "in_doubt", "skipped"]

_EARLY: Final = 0.05
"""Seconds in which nothing is known of the rate."""
_LOOKED_AT: Final = ("failed", "in_doubt", "skipped")


@dataclass(frozen=True, slots=True)
class EndedItem:
    """A saga of a batch that has not been brought to success.

    ``opens`` is the saga to look at: the one that its replay grew, if there is one.
    """

    state: ItemState
    saga_id: str
    opens: str
    words: str


class BatchProgress:
    """Takes in events, one line of JSON each, and what is known of single sagas besides.

    Lines that are no events are what the process said, which is not for the screen.
    """

    def __init__(self) -> None:
        self.batch_id: str | None = None
        self.done = 0
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.troubled: list[EndedItem] = []
        """Failed, in doubt and skipped, as they came."""
        self.errors: Counter[str] = Counter()
        """How many failed by errors that differ only in numbers, ids and quoted text."""
        self.running = 0
        self.canary: str | None = None
        """The saga that runs alone, before the others."""
        self.ended = False
        """Whether the batch has said that it ended."""
        self._settled: set[str] = set()
        self._began: tuple[datetime, int] | None = None
        self._at: datetime | None = None

    def take(self, line: str) -> None:
        """Take one line in."""
        if not line.startswith("{"):
            return
        event = json.loads(line)
        self.batch_id = event["batch_id"]
        self.total = event["total"]
        self.take_time(datetime.fromisoformat(event["at"]), event["done"])
        match event["event"]:
            case "canary":
                self.canary = event["saga_id"]
            case "item_started":
                self.running += 1
            case "waiting":
                self.running = max(self.running - 1, 0)
            case "item_ended":
                self._take_ended(event)
            case "batch_ended":
                self.ended = True

    def _take_ended(self, event: dict[str, Any]) -> None:
        self.running = max(self.running - 1, 0)
        self.canary = None
        self.settle(
            event["saga_id"],
            event["state"],
            new_saga_id=event["new_saga_id"],
            error=event["error"],
            reason=event["reason"],
        )

    def take_time(self, at: datetime, done: int) -> None:
        """Take in how many were settled at a time, from which the rate is known."""
        self.done, self._at = done, at
        if self._began is None:
            self._began = (at, done)

    def take_standstill(self, done: int) -> None:
        """Take in how many are settled where nobody knows how fast that went."""
        self.done, self._began, self._at = done, None, None

    def settle(
        self,
        saga_id: str,
        state: ItemState,
        *,
        new_saga_id: str | None = None,
        error: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Take in what became of a saga; what is known already is not counted again."""
        if saga_id in self._settled:
            return
        self._settled.add(saga_id)
        self.counts[state] += 1
        if state == "failed":
            step, _, message = str(error).partition(": ")
            self.errors[group_error(step, message)] += 1
        if state in _LOOKED_AT:
            words = "; ".join(filter(None, (error, reason)))
            self.troubled.append(EndedItem(state, saga_id, new_saga_id or saga_id, words))

    def knows(self, saga_id: str) -> bool:
        """Whether it is known what became of a saga."""
        return saga_id in self._settled

    @property
    def settled(self) -> int:
        """Of how many it is known what became of them."""
        return len(self._settled)

    @property
    def left(self) -> int:
        """How many are still to be done."""
        return max(self.total - self.done, 0)

    @property
    def seconds(self) -> float:
        """From the first look to the last."""
        if self._began is None or self._at is None:
            return 0.0
        return (self._at - self._began[0]).total_seconds()

    @property
    def rate(self) -> float | None:
        """How many were settled a second; None: it is too early to say."""
        if self._began is None or self.seconds < _EARLY or self.done <= self._began[1]:
            return None
        return (self.done - self._began[1]) / self.seconds

    @property
    def seconds_left(self) -> float | None:
        """How long it will take if it goes on so."""
        rate = self.rate
        return None if rate is None else self.left / rate
