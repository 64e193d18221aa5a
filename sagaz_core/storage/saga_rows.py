"""A saga's row as it is after each of its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from sagaz_core.model import StepError
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.capture import Capture
from sagaz_core.storage.codec import valid_text
from sagaz_core.storage.error_groups import group_error


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaIdentity:
    """What a saga is from its first checkpoint on."""

    saga_id: str
    saga_name: str
    code: str
    root_id: str
    parent_id: str | None
    parent_sequence: int | None
    tags: tuple[tuple[str, str], ...]


def first_row(identity: SagaIdentity, capture: Capture, expires: int | None) -> SagaRow:
    """Return a saga's row as it is with its first checkpoint."""
    error, group = _described(capture.error)
    return SagaRow(
        saga_id=identity.saga_id,
        root=identity.root_id,
        parent=identity.parent_id,
        parent_seq=identity.parent_sequence,
        name=identity.saga_name,
        code=identity.code,
        status=capture.status,
        compensation=capture.compensation,
        step=capture.step_name,
        error=error,
        error_group=group,
        started=capture.at,
        updated=capture.at,
        head=1,
        keyframe=1,
        expires=expires,
    )


def next_row(
    before: SagaRow, capture: Capture, expires: int | None, *, is_keyframe: bool
) -> SagaRow:
    """Return the saga's row as it is with this checkpoint, the row ``before`` once stored."""
    error, group, step = before.error, before.error_group, before.step
    if capture.status == "completed":
        error, group, step = None, None, capture.step_name
    elif error is None:
        # From the failure on, the row keeps pointing to it, whatever the rollback does.
        step = capture.step_name or step
        error, group = _described(capture.error)
    # It expires at the latest moment that any checkpoint asks for; None is never.
    if expires is not None:
        expires = None if before.expires is None else max(before.expires, expires)
    return SagaRow(
        saga_id=before.saga_id,
        root=before.root,
        parent=before.parent,
        parent_seq=before.parent_seq,
        name=before.name,
        code=before.code,
        status=capture.status,
        compensation=capture.compensation,
        step=step,
        error=error,
        error_group=group,
        started=before.started,
        updated=max(capture.at, before.updated),
        head=before.head + 1,
        keyframe=before.head + 1 if is_keyframe else before.keyframe,
        expires=expires,
    )


def _described(error: StepError | None) -> tuple[str | None, str | None]:
    """Return an error's headline and its group."""
    if error is None:
        return None, None
    return valid_text(error.headline), valid_text(group_error(error.type, error.message))
