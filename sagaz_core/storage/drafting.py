"""What a checkpoint becomes in a store: its row, its entry, and what it is found by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from sagaz_core.model import Kind, RunInfo
from sagaz_core.storage.backends.rows import EntryRow, SagaRow, TouchRow
from sagaz_core.storage.capture import Capture
from sagaz_core.storage.chain import Chain, Link, State
from sagaz_core.storage.meta import pack_meta
from sagaz_core.storage.saga_rows import SagaIdentity, first_row, next_row

if TYPE_CHECKING:
    from sagaz_core.storage.saga_secrets import SagaSecrets

_DURING_ITS_STEP: Final[frozenset[Kind]] = frozenset(
    {"after_step", "step_failed", "after_compensation", "compensation_failed"}
)
"""Kinds at which the step they name has just run."""


class Position(NamedTuple):
    """Where a saga stands, as its writer knows it."""

    row: SagaRow | None
    """None: nothing of it is stored."""
    chain: Chain
    code: bytes | None
    """The authentication code of the latest entry."""


class Draft(NamedTuple):
    """What is to be stored."""

    row: SagaRow
    entry: EntryRow
    touches: Sequence[TouchRow]
    tags: Sequence[tuple[str, str]]
    link: Link
    """Becomes the end of the chain once it is stored."""


def draft(
    capture: Capture,
    causes: Mapping[str, str | None],
    run: RunInfo | None,
    *,
    identity: SagaIdentity,
    after: Position,
    expires: int | None,
    secrets: SagaSecrets | None,
) -> Draft:
    """Return what a checkpoint is stored as.

    Args:
        capture: the checkpoint.
        causes: for keys that changed, the step that changed them.
        run: what is known of the run, with its first checkpoint.
        identity: what the saga is from its first checkpoint on.
        after: what the checkpoint follows.
        expires: when the store lets go of it, in microseconds since 1970; None: never.
        secrets: what encrypts and signs it; None: nothing does.
    """
    before = after.row
    earlier = after.chain.state.completed
    context, results, since = capture.context, capture.results, capture.since
    if secrets is not None:
        capture = secrets.strike(capture)
        sequence = before.head + 1 if before else 1
        context, results, since = secrets.seal(capture, after.chain.state, sequence)
    link = after.chain.encode(
        State(context, results, capture.completed_steps, capture.compensated_steps),
        since,
        capture.changed,
    )
    row = (
        first_row(identity, capture, expires)
        if before is None
        else next_row(before, capture, expires, is_keyframe=link.is_keyframe)
    )
    entry = EntryRow(
        row.head,
        row.keyframe,
        row.updated,
        capture.kind,
        capture.step_name,
        capture.snapshot_id,
        pack_meta(capture, row_name=row.name, run=run),
        link.body,
    )
    context_keys, result_keys = link.changed
    touches: list[TouchRow] = []
    if context_keys or result_keys:
        cause = _cause(capture, before is None, earlier)
        touches += [TouchRow(key, row.head, causes.get(key, cause)) for key in context_keys]
        touches += [
            TouchRow(key, row.head, causes.get(key, key))
            for key in result_keys
            if key not in context_keys
        ]
    tags = identity.tags if before is None else ()
    if secrets is not None:
        entry = secrets.sign_entry(entry, after.code, touches, tags)
        row = secrets.sign_row(row, entry.mac)
    return Draft(row, entry, touches, tags, link)


def _cause(capture: Capture, is_first: bool, earlier: Sequence[str]) -> str | None:
    """Return the step to which a checkpoint's changes are put down if nobody says better.

    What changed before a step was done by the step that ended before it.
    """
    if is_first:
        return None
    if capture.kind in _DURING_ITS_STEP:
        return capture.step_name
    if capture.completed_steps:
        return capture.completed_steps[-1]
    return earlier[-1] if earlier else None
