"""Turns a question about sagas into SQL conditions that its indexes can answer."""

from __future__ import annotations

from typing import Any, Final

from sagaz_core.storage.backends.base import SagaQuery

_LAPSED: Final = "(f.holder IS s.id AND f.alive_until IS NOT NULL AND f.alive_until <= ?)"

DERIVED_STATUS: Final = (
    f"CASE WHEN s.status IN ('executing', 'compensating') AND {_LAPSED} "
    "THEN 'interrupted' ELSE s.status END"
)
"""A saga's status as a reader sees it; takes the time as its parameter."""


def where(query: SagaQuery, now: int) -> tuple[list[str], list[Any]]:
    """Return conditions over ``saga s LEFT JOIN family f`` and their parameters.

    ``now`` is in microseconds. There is always at least one condition.
    """
    conditions: list[str] = ["1"]
    parameters: list[Any] = []

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    if query.status:
        add(*_status(query.status, now))
    if query.name is not None:
        if "*" in query.name:
            add("s.name GLOB ?", _glob(query.name))
        else:
            add("s.name = ?", query.name)
    if query.prefix:
        # A range, so that an index answers it and no character of it is a wildcard.
        add("s.id >= ? AND s.id < ?", query.prefix, query.prefix + "\U0010ffff")
    for column, value in (
        ("s.step", query.step),
        ("s.error_group", query.error_group),
        ("s.root", query.root),
    ):
        if value is not None:
            add(f"{column} = ?", value)
    if query.error is not None:
        add("instr(lower(s.error), lower(?)) > 0", query.error)
    for condition, moment in (
        ("s.updated >= ?", query.updated_since),
        ("s.updated <= ?", query.updated_until),
        ("s.started >= ?", query.started_since),
        ("s.started <= ?", query.started_until),
    ):
        if moment is not None:
            add(condition, moment)
    for name, value in query.tags:
        add("s.pk IN (SELECT saga FROM tag WHERE name = ? AND value = ?)", name, value)
    if query.unsettled:
        add("s.parent IS NULL AND f.recovered_by IS NULL")
    return conditions, parameters


def _status(wanted: tuple[str, ...], now: int) -> tuple[Any, ...]:
    """Settled states are in the row; the others depend on whether their lease has lapsed."""
    settled = [status for status in wanted if status in ("completed", "failed")]
    alive = [status for status in wanted if status in ("executing", "compensating")]
    parts: list[str] = []
    parameters: list[Any] = []
    if settled:
        parts.append(f"s.status IN ({', '.join('?' * len(settled))})")
        parameters += settled
    if alive:
        parts.append(f"(s.status IN ({', '.join('?' * len(alive))}) AND NOT {_LAPSED})")
        parameters += [*alive, now]
    if "interrupted" in wanted:
        parts.append(f"(s.status IN ('executing', 'compensating') AND {_LAPSED})")
        parameters.append(now)
    return (f"({' OR '.join(parts)})", *parameters)


def _glob(name: str) -> str:
    """Return SQLite's pattern in which only ``*`` is special."""
    return "".join(f"[{char}]" if char in "?[" else char for char in name)
