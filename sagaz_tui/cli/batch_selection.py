"""The conditions of a batch, as typed and as the library takes them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagaz_core.errors import UsageError
from sagaz_core.model import MISSING
from sagaz_core.replay.batch import BatchSelection
from sagaz_core.replay.overrides import parse_override
from sagaz_core.replay.pointer import split_pointer
from sagaz_core.replay.value_reading import read_json
from sagaz_tui.cli.filters import saga_filters
from sagaz_tui.cli.times import parse_optional_time


def batch_selection(
    *,
    status: str | None,
    name: str | None,
    prefix: str | None,
    tag: Sequence[str] | None,
    failed_step: str | None,
    error: str | None,
    since: str | None,
    until: str | None,
    where: str | None,
    key: Sequence[str] | None,
    ids: str | None,
) -> BatchSelection:
    """Return which sagas the options ask for; failed ones, if no status is given.

    Raises:
        UsageError: one of them is not what it must be.
    """
    return BatchSelection(
        **saga_filters(status=status or "failed", name=name, prefix=prefix, since=since, tag=tag),
        failed_step=failed_step,
        error=error,
        until=parse_optional_time(until, "--until"),
        where=where,
        keys=_keys(key or ()),
        saga_ids=() if ids is None else _ids(ids),
    )


def _ids(source: str) -> tuple[str, ...]:
    """Return the ids that a file or stdin holds, one a line."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read --ids {source!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--ids {source!r} is no UTF-8 text") from error
    ids = tuple(line for line in text.split("\n") if line)
    if not ids:
        raise UsageError(f"--ids {source!r} holds no id; write one a line")
    return ids


def _keys(texts: Sequence[str]) -> dict[str, Any]:
    """Return the values wanted; those that are not JSON are read as what each saga has there."""
    keys: dict[str, Any] = {}
    for text in texts:
        try:
            wanted = parse_override(text)
            (key,) = split_pointer(wanted.pointer)
            value = read_json(wanted.raw, MISSING) if wanted.operator == ":=" else wanted.raw
        except ValueError:
            wanted = None
        if wanted is None or wanted.operator == "=@":
            raise UsageError(
                f"--key {text!r} is no key and value; write it as --key currency=EUR or, in JSON, "
                "as --key 'items:=[1]'"
            )
        if key in keys:
            raise UsageError(f"--key {key} is there twice, and a saga has one value of it")
        keys[key] = value
    return keys
