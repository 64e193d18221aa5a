"""Why sagas of a batch failed, are in doubt or were skipped: each reason once, in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sagaz_core.replay.batch import BatchItem
from sagaz_core.storage.error_groups import group_error
from sagaz_tui.cli.options import Format
from sagaz_tui.cli.output import emit, emit_rows

_REASONS: Final = 10
"""How many reasons are shown."""
_NAMED: Final = 5
"""How many sagas are named for each."""


def print_reasons(items: Iterable[BatchItem], format: Format) -> None:
    """Write each reason in full, the most frequent first; what differs in ids is one reason.

    Args:
        items: the sagas, of any state; only those that are not as they should be have a reason.
        format: lines of text, or a table.
    """
    groups: dict[str, list[BatchItem]] = {}
    for item in items:
        groups.setdefault(group_error(item.state, _reason(item)), []).append(item)
    shown = sorted(groups.values(), key=len, reverse=True)
    if not shown:
        return
    emit()
    if format == "table":
        rows = [
            (_state(some[0]), str(len(some)), _reason(some[0]), _names(some))
            for some in shown[:_REASONS]
        ]
        emit_rows(("STATE", "SAGAS", "WHY", "WHICH"), rows, format)
    else:
        for some in shown[:_REASONS]:
            emit(f"{len(some)} {_state(some[0])}: {_reason(some[0])}")
            emit(f"    {_names(some)}")
    if len(shown) > _REASONS:
        emit(f"and {len(shown) - _REASONS} reasons more; --format json has every saga")


def _reason(item: BatchItem) -> str:
    return "; ".join(filter(None, (item.error, item.reason)))


def _state(item: BatchItem) -> str:
    return item.state.replace("_", " ")


def _names(items: list[BatchItem]) -> str:
    names = ", ".join(item.new_saga_id or item.saga_id for item in items[:_NAMED])
    more = len(items) - _NAMED
    return f"{names} and {more} more" if more > 0 else names
