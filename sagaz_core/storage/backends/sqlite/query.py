"""Turns a question about sagas into SQL that the indexes can answer, and answers it.

Sagas that have ended are read from an index in the order they are shown in, one status at a
time; those that go on, of which there are few, are read and sorted. The two are merged. Where
few sagas can match at all, because few have the tag or begin so, those few are looked at instead.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from sagaz_core.storage.backends.rows import SagaPage, SagaQuery, SagaRow
from sagaz_core.storage.backends.sqlite.rows import COLUMNS, FAMILY, one_moment, saga_row

_ALL: Final = "saga s"
_LISTED: Final = "json_each(?) listed CROSS JOIN saga s ON s.pk = listed.value"
_SETTLED: Final = (
    "(SELECT pk FROM saga WHERE parent IS NOT NULL UNION "
    "SELECT m.pk FROM family g CROSS JOIN saga m ON m.root = g.root "
    "WHERE g.recovered_by IS NOT NULL) settled CROSS JOIN saga s ON s.pk = settled.pk"
)
"""Replays, and whatever belongs to a family that one has recovered."""
_ENDED: Final = ("completed", "failed")
_FEW: Final = 500
"""So many sagas are sooner read one by one than found among all that are in order."""
_LOWER: Final = "sagaz_lower"
_LAPSED: Final = (
    "(f.holder IS NOT NULL AND NOT (f.holder = s.id AND coalesce(f.alive_until > ?, 0)))"
)


def add_functions(db: sqlite3.Connection) -> None:
    """Teach a connection what these questions need and SQLite does not know."""
    db.create_function(_LOWER, 1, lambda text: text and text.lower(), deterministic=True)


def read_page(
    db: sqlite3.Connection, query: SagaQuery, cursor: str | None, limit: int, now: int
) -> SagaPage:
    """Return a page of sagas, the latest change first. ``now`` is in microseconds."""
    rows: list[SagaRow] = []
    with one_moment(db):
        few = few_candidates(db, query)
        for sql, parameters in page_statements(query, cursor, limit, now, few=few):
            rows += [saga_row(row, now) for row in db.execute(sql, parameters)]
    rows.sort(key=lambda row: (row.updated, row.saga_id), reverse=True)
    more = len(rows) > limit
    rows = rows[:limit]
    return SagaPage(rows, f"{rows[-1].updated}:{rows[-1].saga_id}" if rows and more else None)


def page_statements(
    query: SagaQuery,
    cursor: str | None,
    limit: int,
    now: int,
    *,
    few: Sequence[int] | None = None,
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the statements that together hold the page's rows, one more included.

    ``few`` are the only ones among the sagas' ``pk`` that can match, if that is known.
    """
    source, listed = (_ALL, []) if few is None else (_LISTED, [json.dumps(few)])
    for time, conditions, parameters in _parts(query, now):
        if cursor is not None:
            updated, _, saga_id = cursor.partition(":")
            conditions.append(f"(s.{time}, s.id) < (?, ?)")
            parameters += [int(updated), saga_id]
        yield (
            f"{COLUMNS} FROM {source} {FAMILY} WHERE {' AND '.join(conditions)} "
            f"ORDER BY s.{time} DESC, s.id DESC LIMIT ?",
            [*listed, *parameters, limit + 1],
        )


def few_candidates(db: sqlite3.Connection, query: SagaQuery) -> list[int] | None:
    """Return the ``pk`` of a family's sagas, or of all with a tag or a beginning of the id.

    None: these are not so few.
    """
    probes = [
        ("SELECT saga FROM tag WHERE name = ? AND value = ? LIMIT ?", [name, value])
        for name, value in query.tags
    ]
    if query.root is not None:
        probes.insert(0, ("SELECT pk FROM saga WHERE root = ? LIMIT ?", [query.root]))
    if query.prefix:
        probes.append(
            ("SELECT pk FROM saga WHERE id >= ? AND id < ? LIMIT ?", [*_range(query.prefix)])
        )
    for sql, parameters in probes:
        found = [row[0] for row in db.execute(sql, [*parameters, _FEW + 1])]
        if len(found) <= _FEW:
            return found
    return None


def count(
    db: sqlite3.Connection,
    query: SagaQuery,
    by: Literal["status", "error_group", "name"],
    now: int,
) -> dict[str, int]:
    """Count the sagas that match by a property; empty values are left out."""
    with one_moment(db):
        few = few_candidates(db, query)
        if few is not None:
            counts = _count(db, query, by, now, _LISTED, [json.dumps(few)])
        elif query.unsettled:
            # All are counted in an index, and those left out, which are not as many, one by one.
            every = replace(query, unsettled=False)
            counts = _count(db, every, by, now, _ALL, [])
            counts.subtract(_count(db, every, by, now, _SETTLED, []))
        else:
            counts = _count(db, query, by, now, _ALL, [])
    return {value: number for value, number in counts.items() if value and number}


def _count(
    db: sqlite3.Connection,
    query: SagaQuery,
    by: Literal["status", "error_group", "name"],
    now: int,
    source: str,
    listed: list[Any],
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for time, conditions, parameters in _parts(query, now):
        column = f"s.{by}"
        if by == "status" and time == "updated":
            column = f"CASE WHEN {_LAPSED} THEN 'interrupted' ELSE s.status END"
            parameters.insert(0, now)
        elif by != "status":
            conditions.append(f"{column} > ''")
            if source == _ALL and time == "ended":
                # The index of what is counted is in the order of the groups.
                conditions[0] = f"+{conditions[0]}"
        # SQLite leaves no join out by itself where rows are counted.
        where = " AND ".join(conditions)
        family = FAMILY if "f." in column + where else ""
        split = len(parameters) - where.count("?")
        counts.update(
            dict(
                db.execute(
                    f"SELECT {column} AS counted, count(*) FROM {source} {family} "
                    f"WHERE {where} GROUP BY counted",
                    [*parameters[:split], *listed, *parameters[split:]],
                )
            )
        )
    return counts


def _parts(query: SagaQuery, now: int) -> Iterator[tuple[str, list[str], list[Any]]]:
    """Yield a query's parts: the column of their time, conditions and parameters."""
    for status in _ENDED:
        if not query.status or status in query.status:
            conditions, parameters = _conditions(query, "ended")
            yield (
                "ended",
                ["s.status = ?", "s.ended IS NOT NULL", *conditions],
                [status, *parameters],
            )
    going = [status for status in query.status if status not in _ENDED]
    if going or not query.status:
        conditions, parameters = _conditions(query, "updated")
        status_condition, status_parameters = _going(going, now)
        yield (
            "updated",
            ["s.ended IS NULL", *status_condition, *conditions],
            [*status_parameters, *parameters],
        )


def _going(wanted: Sequence[str], now: int) -> tuple[list[str], list[Any]]:
    """Whether a saga that has not ended goes on, or was interrupted, its lease tells."""
    if not wanted:
        return [], []
    parts: list[str] = []
    parameters: list[Any] = []
    alive = [status for status in wanted if status != "interrupted"]
    if alive:
        parts.append(f"(s.status IN ({', '.join('?' * len(alive))}) AND NOT {_LAPSED})")
        parameters += [*alive, now]
    if "interrupted" in wanted:
        # Another engine may have said so itself.
        parts.append(f"{_LAPSED} OR s.status = 'interrupted'")
        parameters.append(now)
    return [f"({' OR '.join(parts)})"], parameters


def _conditions(query: SagaQuery, time: str) -> tuple[list[str], list[Any]]:
    """Return a query's conditions but its status; ``time`` is the column of the latest change."""
    conditions: list[str] = []
    parameters: list[Any] = []

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    if query.name is not None:
        if "*" in query.name:
            add("s.name GLOB ?", _glob(query.name))
        else:
            add("s.name = ?", query.name)
    if query.prefix:
        # A range, so that an index answers it and no character of it is a wildcard.
        add("s.id >= ? AND s.id < ?", *_range(query.prefix))
    for condition, value in (
        ("s.step = ?", query.step),
        ("s.error_group = ?", query.error_group),
        ("s.root = ?", query.root),
        (f"s.{time} >= ?", query.updated_since),
        (f"s.{time} <= ?", query.updated_until),
        ("s.started >= ?", query.started_since),
        ("s.started <= ?", query.started_until),
    ):
        if value is not None:
            add(condition, value)
    if query.error:
        # SQLite itself knows upper and lower case of ASCII only.
        lower = "lower" if query.error.isascii() else _LOWER
        add(f"instr({lower}(s.error), ?) > 0", query.error.lower())
    for name, value in query.tags:
        add("EXISTS (SELECT 1 FROM tag WHERE name = ? AND value = ? AND saga = s.pk)", name, value)
    if query.unsettled:
        add("s.parent IS NULL AND f.recovered_by IS NULL")
    return conditions, parameters


def _range(prefix: str) -> tuple[str, str]:
    return prefix, prefix + "\U0010ffff"


def _glob(name: str) -> str:
    """Return SQLite's pattern in which only ``*`` is special."""
    return "".join(f"[{char}]" if char in "?[" else char for char in name)
