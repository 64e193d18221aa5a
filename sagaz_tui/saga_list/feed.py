"""What the list asks the store: its views, page by page, what is newer, and how many there are."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sagaz_core.model import SagaSummary, Status
from sagaz_tui.saga_list.filter import SagaFilter
from sagaz_tui.saga_list.where import SagasWhere

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage

View = Literal["failed", "running", "all"]
Sort = Literal["newest", "oldest", "name"]

PAGE: Final = 200
SORTS: Final[tuple[Sort, ...]] = ("newest", "oldest", "name")
_SWEEP: Final = 1000
_VIEW_STATUS: Final[dict[View, tuple[Status, ...]]] = {
    "failed": ("failed",),
    "running": ("executing", "compensating", "interrupted"),
    "all": (),
}


@dataclass(frozen=True, slots=True)
class Question:
    """Which sagas the list shows, and in which order.

    The failed are shown once a family, until a replay has recovered it.
    """

    view: View = "failed"
    filter: SagaFilter = field(default_factory=SagaFilter)
    group: str | None = None
    sort: Sort = "newest"

    @property
    def contradicts(self) -> bool:
        """Whether view and filter leave no status that a saga could have."""
        return bool(_VIEW_STATUS[self.view] and self.filter.status) and not self._status()

    def _status(self) -> tuple[Status, ...]:
        of_view, of_filter = _VIEW_STATUS[self.view], self.filter.status
        if not (of_view and of_filter):
            return of_view or of_filter
        return tuple(status for status in of_view if status in of_filter)

    def arguments(self, now: datetime) -> dict[str, Any]:
        """Give it as arguments of ``list_sagas``."""
        return {
            **self.filter.arguments(now),
            "status": self._status() or None,
            "error_group": self.group,
            "unsettled": self.view == "failed",
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """How many sagas each view holds, and how many of each error there are, most first."""

    failed: int = 0
    running: int = 0
    all: int = 0
    groups: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Newer:
    """Sagas that came since the list was filled; ``more``: there are others behind them."""

    rows: tuple[SagaSummary, ...] = ()
    more: bool = False


class SagaFeed:
    """Answers one question, from the moment it was asked.

    Args:
        storage: where to look.
        question: what is asked.
        now: the moment from which the filter's times count back.
    """

    def __init__(self, storage: SnapshotStorage, question: Question, now: datetime) -> None:
        self._storage = storage
        self._question = question
        self._arguments = question.arguments(now)
        self._cursor: str | None = None
        self.complete = False
        """Whether everything that matches has been given out."""
        self._where: SagasWhere | None = None
        if question.filter.where is not None:
            self._where = SagasWhere(storage, question.filter.where)

    @property
    def question(self) -> Question:
        """What is asked."""
        return self._question

    @property
    def where(self) -> SagasWhere | None:
        """The expression that filters, and how far it has been asked; None: there is none."""
        return self._where

    async def next_rows(self) -> list[SagaSummary]:
        """Give the next rows; all at once if the order is not the store's own.

        Where an expression filters there may be none among the next, and more after them.
        """
        if self.complete or self._question.contradicts:
            self.complete = True
            return []
        if self._question.sort == "newest":
            return await self._next_page(PAGE)
        rows = await self._next_page(_SWEEP)
        while self._cursor is not None:
            rows += await self._next_page(_SWEEP)
        return _sorted(rows, self._question.sort)

    async def _next_page(self, limit: int) -> list[SagaSummary]:
        page = await self._storage.list_sagas(**self._arguments, cursor=self._cursor, limit=limit)
        rows = page.sagas if self._where is None else await self._where.those_of(page.sagas)
        self._cursor = page.cursor
        self.complete = page.cursor is None
        return rows

    async def newer(self, known: Container[str], limit: int = 100) -> Newer:
        """Give the rows that match and are not known, among the newest ``limit``."""
        if self._question.contradicts:
            return Newer()
        page = await self._storage.list_sagas(**self._arguments, limit=limit)
        rows = [row for row in page.sagas if row.saga_id not in known]
        if self._where is not None:
            return Newer(tuple(await self._where.those_of(rows)))
        all_new = len(rows) == len(page.sagas) and page.cursor is not None
        return Newer(tuple(rows), more=all_new)

    async def refreshed(self, rows: Iterable[SagaSummary]) -> list[SagaSummary]:
        """Give what these sagas are by now, where that is something else."""
        changed = []
        for row in rows:
            current = await self._storage.get_saga(row.saga_id)
            if current is not None and current != row:
                changed.append(current)
        return changed

    async def counts(self) -> Counts:
        """Count the views, unfiltered, and the errors that the filter lets through.

        Where an expression filters, no errors are counted: that would read every saga.
        """
        totals = await self._storage.count_sagas("status")
        failed = await self._storage.count_sagas("status", status="failed", unsettled=True)
        return Counts(
            failed=sum(failed.values()),
            running=sum(totals.get(status, 0) for status in _VIEW_STATUS["running"]),
            all=sum(totals.values()),
            groups=await self._groups(),
        )

    async def _groups(self) -> tuple[tuple[str, int], ...]:
        if (
            self._question.view == "running"
            or self._question.contradicts
            or self._where is not None
        ):
            return ()
        arguments = {**self._arguments, "error_group": None, "status": "failed"}
        found = await self._storage.count_sagas("error_group", **arguments)
        return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _sorted(rows: list[SagaSummary], sort: Sort) -> list[SagaSummary]:
    if sort == "oldest":
        return sorted(rows, key=lambda row: (row.updated_at, row.saga_id))
    return sorted(rows, key=lambda row: (row.saga_name, row.saga_id))
