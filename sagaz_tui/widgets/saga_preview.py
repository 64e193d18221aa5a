"""The saga under the list's cursor at a glance: its error, its steps, its context."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from sagaz_core.errors import SagaNotFoundError, StorageError
from sagaz_core.model import CheckpointSummary, RunInfo, SagaSnapshot, SagaSummary
from sagaz_tui.showing.theme import GlyphName, glyph
from sagaz_tui.widgets.context_rows import ContextState, Folding, rows_of
from sagaz_tui.widgets.context_tree import context_line, value_column
from sagaz_tui.widgets.lines import Line, Span, TextPane, Token
from sagaz_tui.widgets.safe_text import clip
from sagaz_tui.widgets.saga_title import saga_words
from sagaz_tui.widgets.title_parts import fitted
from sagaz_tui.widgets.why_lines import error_lines

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

_PAUSE: Final = 0.1
"""Seconds without another choice after which a saga is read."""
_STEPS: Final = 40
_KEYS: Final = 200


class SagaPreview(TextPane):
    """Shows the saga that was chosen last; others that a key only passed by are never read."""

    can_focus = False

    def choose(self, storage: SnapshotStorage, saga: SagaSummary | None) -> None:
        """Show a saga as soon as it has been read, if it is still the chosen one then."""
        if saga is None:
            self.workers.cancel_group(self, "preview")
            self.set_lines((), from_top=True)
        else:
            read = cast("Any", partial(self._read, storage, saga))
            self.run_worker(read, group="preview", exclusive=True)

    async def _read(self, storage: SnapshotStorage, saga: SagaSummary) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            latest = await storage.masked.get_latest_snapshot(saga.saga_id)
            run = await storage.get_run(saga.saga_id)
        except SagaNotFoundError:
            latest, run = None, RunInfo()
        except StorageError:
            # The title says that the store is out of reach; what was read stays.
            return
        lines = await asyncio.to_thread(preview_lines, saga, latest, run, self.text_width)
        self.set_lines(lines, from_top=True)


def preview_lines(
    saga: SagaSummary, latest: SagaSnapshot | None, run: RunInfo, width: int
) -> list[Line]:
    """Return a saga's head, and of its newest checkpoint the error, the steps and the context."""
    name, _ = fitted(saga_words(saga, None), (), width)
    lines: list[Line] = [name, ()]
    if latest is None:
        return [*lines, (Span(" no checkpoint is left", "muted"),)]
    if latest.error is not None:
        lines += [*error_lines(_summary(latest), None, width, library=False, key=""), ()]
    steps = list(_step_lines(saga, latest, run, width))
    if steps:
        lines += [(Span(" Steps", "muted", bold=True),), *steps, ()]
    state = ContextState(latest.sequence, latest.context, latest.results)
    count = len(latest.state)
    title = f" Context, {count:,} key{'s' * (count != 1)}"
    lines.append((Span(title, "muted", bold=True),))
    rows = list(islice(rows_of(state, Folding("closed")), _KEYS))
    column = value_column(rows)
    return lines + [context_line(row, state, column, width, False) for row in rows]


def _summary(snapshot: SagaSnapshot) -> CheckpointSummary:
    values = {each.name: getattr(snapshot, each.name) for each in fields(CheckpointSummary)}
    return CheckpointSummary(**values)


def _step_lines(
    saga: SagaSummary, latest: SagaSnapshot, run: RunInfo, width: int
) -> Iterator[Line]:
    """Yield a line a step: those that ended in that order, then the others as they are defined."""
    names = [*latest.completed_steps, saga.step_name, *(step.name for step in run.steps)]
    known = [name for name in dict.fromkeys(names) if name]
    for name in known[:_STEPS]:
        sign, word, token = _fate(name, saga, latest)
        yield (
            Span(f" {glyph(sign)} ", token),
            Span(clip(name, width - 20)),
            Span(f"  {word}", "muted"),
        )
    if len(known) > _STEPS:
        yield (Span(f"   {len(known) - _STEPS:,} more", "muted"),)


def _fate(name: str, saga: SagaSummary, latest: SagaSnapshot) -> tuple[GlyphName, str, Token]:
    if name in latest.compensated_steps:
        return "after_compensation", "undone", "undo"
    if name in latest.completed_steps:
        return "after_step", "done", "ok"
    if name in latest.running_steps or (name == saga.step_name and saga.status == "executing"):
        return "running", "running", "live"
    if name == saga.step_name and saga.status == "failed":
        return "step_failed", "failed", "fail"
    return "before_step", "not run", "future"
