"""Two runs side by side, aligned by step, under one cursor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.events import Resize, ScreenResume, ScreenSuspend

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.keys.table import bindings_for, ids_in
from sagaz_tui.replaying.rehearsal_words import GHOST_WORDS
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.text import short_duration, visible
from sagaz_tui.widgets.bar import Bar
from sagaz_tui.widgets.comparison_list import ComparisonList
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.lines import Span, TextPane
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.saga_title import id_words, link_words, saga_words
from sagaz_tui.widgets.title_parts import Part, Parts, fitted

if TYPE_CHECKING:
    from sagaz_core.history.compare import Comparison
    from sagaz_core.model import Rehearsal, SagaSummary
    from sagaz_core.storage.storage import SnapshotStorage

HUGE: Final = 150
_BETWEEN_PICTURES: Final = 0.1
_WAIT: Final = 5.0
_PAUSE: Final = 0.15
"""Seconds at least between two looks at a store that is written all the time."""
_SHARE: Final = 3
"""Comparing anew takes at most one part in so many of the time."""
_LONGEST_RETRY: Final = 8.0


class CompareScreen(SagazScreen[None]):
    """Two runs; kept up to date as long as one of them goes on.

    Args:
        a: the run that is looked at as the first.
        b: the other one; what differs is told from ``a`` to ``b``.
        rehearsal: where one of them did not happen: the store that holds both is its own.
    """

    CSS_PATH = "compare.tcss"
    PLACE = "compare"
    BINDINGS = [*bindings_for("compare")]  # noqa: RUF012 - Textual declares it so
    AUTO_FOCUS = "ComparisonList"

    def __init__(self, a: str, b: str, *, rehearsal: Rehearsal | None = None) -> None:
        super().__init__()
        self._ids = (a, b)
        self._rehearsal = rehearsal
        # Kept, not looked up: an answer may still come while the screen is taken down.
        self._titles = Bar(id="title-a"), Bar(id="title-b")
        self._rows_head, self._columns = PaneHead("Steps"), Bar(id="columns")
        self._list = ComparisonList()
        self._details_head, self._details = PaneHead(""), TextPane(id="detail-text")
        self._footer = KeyFooter("compare", self.sagaz.settings.keys, leave_out=ids_in("compare"))
        self.filled.clear()
        self._found: Comparison | None = None
        self._seen: tuple[SagaSummary | None, ...] = ()
        self._stale = ""
        self._progress = ""

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.too_small()
        yield from self._titles
        with Container(id="body"):
            with Vertical(id="rows"):
                with Vertical(id="rows-head"):
                    yield self._rows_head
                    yield self._columns
                yield self._list
            with Vertical(id="details"):
                yield self._details_head
                yield self._details
        yield self._footer

    def on_mount(self) -> None:
        """Say what is about to be compared."""
        self._rows_head.set_active(True)
        self._details.can_focus = False
        self.set_interval(_BETWEEN_PICTURES, self._show_progress)
        self._show_titles()

    def on_resize(self, event: Resize) -> None:
        """Lay rows and details side by side where there is room."""
        self.set_class(event.size.width >= HUGE, "-huge")
        self._show_titles()
        self.call_after_refresh(self._show_details, from_top=False)

    # ------------------------------------------------------------ reading

    @property
    def storage(self) -> SnapshotStorage:
        """Where both runs are."""
        if self._rehearsal is None:
            return self.sagaz.storage
        held: SnapshotStorage = self._rehearsal.storage
        return held

    def _is_ghost(self, saga_id: str | None) -> bool:
        return self._rehearsal is not None and self._rehearsal.saga_id == saga_id

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Follow both runs while this is seen."""
        self.in_background("follow", self._follow)

    def on_screen_suspend(self, event: ScreenSuspend) -> None:
        """Ask nothing while something else is on top."""
        self.workers.cancel_group(self, "follow")

    async def _follow(self) -> None:
        cursor: int | None = None
        retry = 1.0
        while True:
            try:
                cursor = await self.storage.wait(cursor, _WAIT)
                took = await self._look()
            except StorageError as error:
                cursor, self._stale = None, f"stale, retry in {retry:.0f} s"
                self._progress = ""
                self._list.set_note(visible(str(error)))
                self.filled.set()
                self._show_titles()
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)
                continue
            if self._stale:
                self._stale, retry = "", 1.0
                self._show_titles()
            await asyncio.sleep(max(_PAUSE, took * _SHARE))

    async def _look(self) -> float:
        """Compare the runs if one of them has changed; return how long that took."""
        a, b = self._ids
        sagas = tuple([await self.storage.get_saga(each) for each in (a, b)])
        if sagas == self._seen:
            return 0.0
        count = sum(saga.checkpoints for saga in sagas if saga)
        self._list.set_note(f"comparing {count:,} checkpoints…")
        # Imported here: nothing needs it until somebody asks.
        from sagaz_core.history.compare import compare

        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            found = await compare(self.storage, a, b, progress=self._tell)
        except StorageError:
            raise
        except SagazError as error:
            self._list.set_note(visible(str(error)))
            self.filled.set()
        else:
            await self._take(found)
        self._progress = ""
        self._seen = sagas
        return loop.time() - begun

    def _tell(self, compared: int, count: int) -> None:
        self._progress = f"compared {compared:,} of {count:,} steps…"

    def _show_progress(self) -> None:
        if self._progress:
            self._list.set_note(self._progress)
            self._progress = ""

    async def _take(self, found: Comparison) -> None:
        from sagaz_tui.widgets.comparison_rows import rows_of

        ghost = self._rehearsal.saga_id if self._rehearsal is not None else None
        rows = await asyncio.to_thread(rows_of, found, ghost)
        self._found = found
        self._list.set_rows(rows)
        self._show_titles()
        differ = self._list.differences
        words = f"{differ:,} of {len(rows):,} differ" if differ else "nothing but times differs"
        self._rows_head.set_title("Steps", [words])
        self._footer.show("compare", leave_out=() if differ else ("compare.difference",))
        self.filled.set()

    # ------------------------------------------------------------ what is shown

    def _show_titles(self) -> None:
        settings = self.sagaz.settings
        for number, (bar, name, saga_id) in enumerate(
            zip(self._titles, "ab", self._ids, strict=True)
        ):
            found = self._found
            saga = None if found is None else (found.a, found.b)[number]
            left: Parts = (Part((Span(f" {name} ", "live", bold=True),)),)
            right: Parts = ()
            if saga is None:
                left += id_words(saga_id)
            else:
                if saga.recovered_by in self._ids:
                    saga = replace(saga, recovered_by=None)
                left += saga_words(saga, None, ghost=self._is_ghost(saga_id))
                took = short_duration((saga.updated_at - saga.started_at).total_seconds())
                right = (Part((Span(f"{took} ", "muted"),)),)
            if self._is_ghost(saga_id):
                right = (Part((Span(f"{GHOST_WORDS} ", "ghost"),)),)
            elif self._rehearsal is None and not number:
                right += link_words(
                    settings.production, new=0, stale=self._stale, limits=settings.limits
                )
            bar.show(*fitted(left, right, self.size.width))

    def on_comparison_list_laid_out(self) -> None:
        """Name the columns."""
        from sagaz_tui.widgets.comparison_rows import head_line

        a, b = (
            f"{name} GHOST" if self._is_ghost(saga_id) else f"{name} {saga_id}"
            for name, saga_id in zip("ab", self._ids, strict=True)
        )
        self._columns.show(head_line(a, b, self._list.columns))

    def on_comparison_list_moved(self) -> None:
        """Tell of the row under the cursor."""
        self._show_details(from_top=True)

    def _show_details(self, *, from_top: bool) -> None:
        row = self._list.row
        if row is None or self._found is None:
            return
        from sagaz_tui.widgets.comparison_details import detail_lines

        self._details_head.set_title(visible(row.name), [row.differs or "the same"])
        lines = detail_lines(row, self._found, self._details.text_width)
        self._details.set_lines(lines, from_top=from_top)

    # ------------------------------------------------------------ keys

    def action_move(self, rows: int) -> None:
        """Go to another row of both runs."""
        self._list.move(rows)

    def action_first(self) -> None:
        """Go to what they began with."""
        self._list.go_to(0)

    def action_last(self) -> None:
        """Go to how they ended."""
        self._list.go_to(self._list.count)

    def action_difference(self, direction: int) -> None:
        """Go to the nearest row in a direction that differs."""
        if not self._list.go_to_difference(direction):
            where = "after" if direction > 0 else "before"
            self.notify(f"no difference {where} this", markup=False, timeout=3)

    def action_scroll(self, lines: int) -> None:
        """Scroll the details."""
        self._details.action_move(lines)

    def action_swap(self) -> None:
        """Tell what differs the other way round; the cursor stays."""
        self._ids = self._ids[::-1]
        self._found, self._seen = None, ()
        self._show_titles()
        self.in_background("follow", self._follow)

    def action_open(self) -> None:
        """Open the debugger of the second run at this step."""
        from sagaz_tui.screens.debugger import DebuggerScreen

        row = self._list.row
        if row is None:
            return
        if self._rehearsal is not None and self._is_ghost(self._ids[1]):
            from sagaz_tui.screens.ghost import GhostScreen

            self.app.push_screen(GhostScreen(self._rehearsal, at=row.number_b))
        else:
            self.app.push_screen(DebuggerScreen(self._ids[1], at=row.number_b))

    def on_comparison_list_opened(self) -> None:
        """Open the row that was clicked."""
        self.action_open()
