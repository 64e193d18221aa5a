"""Questions about sagas and the rows that answer them, in the words of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from sagaz_core.errors import InvalidSagaIdError, UsageError
from sagaz_core.model import SagaSummary, Status
from sagaz_core.storage.backends.rows import SagaQuery, SagaRow
from sagaz_core.storage.times import from_micros, to_micros

if TYPE_CHECKING:
    from sagaz_core.compliance.fields import SensitiveFields

_MAX_ID_LENGTH = 256


@dataclass(frozen=True, slots=True)
class SagaPageSummary:
    """Some sagas, newest change first, and where to go on; None: there are no more."""

    sagas: list[SagaSummary]
    cursor: str | None


def check_saga_id(saga_id: str) -> str:
    """Return a saga id as it is; raises :class:`InvalidSagaIdError` if it cannot be one."""
    if not isinstance(saga_id, str):
        raise InvalidSagaIdError(f"a saga id is text, not {type(saga_id).__name__}")
    if not 1 <= len(saga_id) <= _MAX_ID_LENGTH:
        raise InvalidSagaIdError(
            f"a saga id has 1 to {_MAX_ID_LENGTH} characters; this one has {len(saga_id)}"
        )
    if not saga_id.isprintable():
        raise InvalidSagaIdError(f"a saga id holds printable characters only; {saga_id!r} does not")
    return saga_id


def refuse_secret_tags(fields: SensitiveFields, tags: Mapping[str, str]) -> None:
    """Raise UsageError if a tag is named like a secret: tags are searched, so never encrypted."""
    for name in tags:
        if fields.hold((name,)):
            raise UsageError(
                f"the tag {name!r} is named like a sensitive field, and tags are stored as they "
                "are; tag the saga with something that is no secret"
            )


def check_tags(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return a saga's tags as pairs; raises UsageError if one is not a name and a text."""
    for name, value in tags.items():
        given: tuple[object, ...] = (name, value)
        for text in given:
            if not (isinstance(text, str) and text.isprintable()):
                raise UsageError(
                    f"tag {name!r} is {value!r}; a tag is a name and a text of printable characters"
                )
    return tuple(tags.items())


def micros_of(moment: datetime | None, name: str) -> int | None:
    """Return an optional moment in microseconds; a time without a zone is refused."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise UsageError(f"{name} needs a time zone; use datetime(..., tzinfo=timezone.utc)")
    return to_micros(moment)


def saga_query(
    *,
    status: Status | Iterable[Status] | None = None,
    name: str | None = None,
    prefix: str | None = None,
    step: str | None = None,
    error: str | None = None,
    error_group: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    tags: Mapping[str, str] | None = None,
    root_id: str | None = None,
    unsettled: bool = False,
) -> SagaQuery:
    """Return a query for the sagas that satisfy every condition given.

    ``since`` and ``until`` are about a saga's latest change, both inclusive.
    """
    statuses = (status,) if isinstance(status, str) else tuple(status or ())
    for each in statuses:
        if each not in get_args(Status):
            raise UsageError(f"unknown status {each!r}; use one of {', '.join(get_args(Status))}")
    return SagaQuery(
        status=statuses,
        name=name,
        prefix=prefix,
        step=step,
        error=error,
        error_group=error_group,
        updated_since=micros_of(since, "since"),
        updated_until=micros_of(until, "until"),
        tags=check_tags(tags or {}),
        root=root_id,
        unsettled=unsettled,
    )


def summary_of(row: SagaRow, tags: Iterable[tuple[str, str]] = ()) -> SagaSummary:
    """Return a row as a line of a list, with its saga's tags if they were read."""
    return SagaSummary(
        saga_id=row.saga_id,
        saga_name=row.name,
        status=status_of(row),
        compensation=row.compensation,
        step_name=row.step,
        error=row.error,
        error_group=row.error_group,
        started_at=from_micros(row.started),
        updated_at=from_micros(row.updated),
        checkpoints=row.head,
        root_id=row.root,
        parent_id=row.parent,
        parent_sequence=row.parent_seq,
        recovered_by=row.recovered_by,
        code=row.code,
        expires_at=None if row.expires is None else from_micros(row.expires),
        tags=dict(tags),
    )


def status_of(row: SagaRow) -> Status:
    """Return a row's status as a reader sees it.

    A run that goes on without its family's lease was interrupted; that is never written.
    """
    if row.status not in ("executing", "compensating") or row.holder is None:
        return row.status
    return row.status if row.alive and row.holder == row.saga_id else "interrupted"
