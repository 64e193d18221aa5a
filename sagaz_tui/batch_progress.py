"""How far a batch is, as told by the events that its process writes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sagaz_core.storage.error_groups import group_error

ItemState = Literal["succeeded", "failed", "in_doubt", "skipped"]

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
    """Takes in events, one line of JSON each; other lines are what the process said."""

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
        self.stopping = False
        self.ended = False
        """Whether the batch has said that it ended."""
        self.said: list[str] = []
        self._began: tuple[datetime, int] | None = None
        self._at: datetime | None = None

    def take(self, line: str) -> None:
        """Take one line in."""
        if not line.startswith("{"):
            if line.startswith("sagaz: "):
                self.said.append(line.removeprefix("sagaz: "))
            return
        event = json.loads(line)
        self.batch_id = event["batch_id"]
        self.done, self.total = event["done"], event["total"]
        self._at = datetime.fromisoformat(event["at"])
        if self._began is None:
            self._began = (self._at, self.done)
        match event["event"]:
            case "canary":
                self.canary = event["saga_id"]
            case "item_started":
                self.running += 1
            case "item_ended":
                self._take_ended(event)
            case "stopping":
                self.stopping = True
            case "batch_ended":
                self.ended = True

    def _take_ended(self, event: dict[str, Any]) -> None:
        state: ItemState = event["state"]
        self.running = max(self.running - 1, 0)
        self.canary = None
        self.counts[state] += 1
        if state == "failed":
            step, _, error = str(event["error"]).partition(": ")
            self.errors[group_error(step, error)] += 1
        if state in _LOOKED_AT:
            words = "; ".join(filter(None, (event["error"], event["reason"])))
            opens = event["new_saga_id"] or event["saga_id"]
            self.troubled.append(EndedItem(state, event["saga_id"], opens, words))

    @property
    def seconds(self) -> float:
        """From its first event to its last."""
        if self._began is None or self._at is None:
            return 0.0
        return (self._at - self._began[0]).total_seconds()

    @property
    def rate(self) -> float | None:
        """How many were settled a second; None: it is too early to say."""
        if self._began is None or not self.seconds or self.done == self._began[1]:
            return None
        return (self.done - self._began[1]) / self.seconds

    @property
    def seconds_left(self) -> float | None:
        """How long it will take if it goes on so."""
        rate = self.rate
        return None if rate is None else (self.total - self.done) / rate
