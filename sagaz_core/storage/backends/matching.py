"""Whether a saga's row answers a question, for stores that have no query language."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sagaz_core.storage.backends.rows import SagaQuery, SagaRow


def status_of(row: SagaRow) -> str:
    """Return a saga's status as a reader sees it: interrupted once it goes on without the lease."""
    if row.status not in ("executing", "compensating") or row.holder is None:
        return row.status
    return row.status if row.alive and row.holder == row.saga_id else "interrupted"


def matches(row: SagaRow, tags: Iterable[tuple[str, str]], query: SagaQuery) -> bool:
    """Whether a row, with its saga's tags, satisfies all of a query."""
    return (
        (not query.status or status_of(row) in query.status)
        and (query.name is None or _glob(query.name).fullmatch(row.name) is not None)
        and (query.prefix is None or row.saga_id.startswith(query.prefix))
        and (query.step is None or row.step == query.step)
        and (query.error is None or query.error.lower() in (row.error or "").lower())
        and (query.error_group is None or row.error_group == query.error_group)
        and (query.updated_since is None or row.updated >= query.updated_since)
        and (query.updated_until is None or row.updated <= query.updated_until)
        and (query.started_since is None or row.started >= query.started_since)
        and (query.started_until is None or row.started <= query.started_until)
        and (query.root is None or row.root == query.root)
        and not (query.unsettled and (row.parent is not None or row.recovered_by is not None))
        and set(query.tags) <= set(tags)
    )


def _glob(name: str) -> re.Pattern[str]:
    """Return a pattern in which only ``*`` is special."""
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)


def is_same_saga(stored: SagaRow, wanted: SagaRow) -> bool:
    """Whether rows differ in nothing but what :meth:`Backend.replace` puts in its place."""
    return wanted == stored._replace(
        keyframe=wanted.keyframe,
        wrapped_key=wanted.wrapped_key,
        mac=wanted.mac,
        alive=wanted.alive,
        holder=wanted.holder,
        recovered_by=wanted.recovered_by,
    )
