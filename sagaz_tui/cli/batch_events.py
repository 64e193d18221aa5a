"""Tells how a batch goes: a bar with rate and time left on a terminal, else JSON Lines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from sagaz_core.replay.batch import BatchEvent, BatchItem
from sagaz_tui.cli.bar import Draw, progress_bar

_TOLD: Final = (("failed", "failed"), ("in_doubt", "in doubt"), ("skipped", "skipped"))


OnEvent = Callable[[BatchEvent], None]


@contextlib.contextmanager
def telling(what: str) -> Iterator[OnEvent]:
    """Yield what tells each event on stderr; a terminal that is gone does not stop a batch."""
    if not sys.stderr.isatty():
        yield _tell
        return
    with contextlib.suppress(OSError), progress_bar(what) as draw:
        yield _Bar(draw)


def event_data(event: BatchEvent) -> dict[str, Any]:
    """Return an event as data for JSON."""
    data = {
        "event": event.kind,
        "at": event.at.isoformat(),
        "batch_id": event.batch_id,
        "done": event.done,
        "total": event.total,
    }
    return data if event.item is None else data | item_data(event.item)


def item_data(item: BatchItem) -> dict[str, Any]:
    """Return what became of one saga of a batch as data for JSON, without its plan."""
    return {
        "saga_id": item.saga_id,
        "saga_name": item.saga_name,
        "from_step": item.from_step,
        "state": item.state,
        "new_saga_id": item.new_saga_id,
        "error": item.error,
        "reason": item.reason,
    }


def _tell(event: BatchEvent) -> None:
    with contextlib.suppress(OSError):
        print(json.dumps(event_data(event)), file=sys.stderr, flush=True)  # noqa: T201


class _Bar:
    """Draws each event; the rate is that of this process since it began."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._began: tuple[float, int] | None = None
        self._ended: Counter[str] = Counter()

    def __call__(self, event: BatchEvent) -> None:
        now = time.monotonic()
        began, before = self._began = self._began or (now, event.done)
        if event.kind == "item_ended" and event.item is not None:
            self._ended[event.item.state] += 1
        words = [f"{self._ended[state]} {word}" for state, word in _TOLD if self._ended[state]]
        if now > began:
            words.insert(0, f"{(event.done - before) / (now - began):.1f}/s")
        with contextlib.suppress(OSError):
            self._draw(event.done, event.total, ", ".join(words))
