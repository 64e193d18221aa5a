"""A file of overrides for the sagas of a batch, each its own: CSV, or JSON Lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sagaz_core.errors import OverrideError, UsageError
from sagaz_core.model import MISSING
from sagaz_core.replay.overrides import Override, read_override
from sagaz_core.replay.pointer import split_pointer, to_pointer
from sagaz_core.replay.value_reading import read_json
from sagaz_core.storage.listing import check_saga_id
from sagaz_tui.edits.written import members_as_written

SagaOverrides = dict[str, tuple[Override, ...]]

_ID: Final = "saga_id"
_MEMBERS: Final = {_ID, "overrides"}
_EXAMPLE: Final = '{"saga_id": "order_1", "overrides": {"token": "tok_new"}}'


def read_override_file(path: str) -> SagaOverrides:
    """Return the overrides of each saga that a file names.

    ``.csv``: a header of ``saga_id`` and the keys or JSON Pointers to set; a cell is read as the
    type that is recorded there, and an empty one sets nothing. ``.jsonl``: in each line an object
    of ``saga_id`` and ``overrides``, an object of values by key or pointer.

    Raises:
        UsageError: it cannot be read; the message says in which line and why.
    """
    read = {".csv": _read_csv, ".jsonl": _read_json_lines}.get(Path(path).suffix.lower())
    if read is None:
        raise UsageError(
            f"--override-file {path!r} is neither .csv nor .jsonl; the ending says how it is read"
        )
    try:
        # A spreadsheet puts a mark before its UTF-8.
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _by_saga(path, read(path, file))
    except OSError as error:
        raise UsageError(f"cannot read --override-file {path!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--override-file {path!r} is no UTF-8 text") from error


_Line = tuple[int, str, tuple[Override, ...]]
"""The number of a line, the saga that it names, and the overrides in it."""


def _by_saga(path: str, lines: Iterator[_Line]) -> SagaOverrides:
    overrides: SagaOverrides = {}
    seen: dict[str, int] = {}
    for number, saga_id, some in lines:
        try:
            check_saga_id(saga_id)
        except UsageError as error:
            raise _wrong(path, number, str(error)) from None
        if saga_id in seen:
            raise _wrong(
                path,
                number,
                f"saga {saga_id!r} is in line {seen[saga_id]} too; give each saga one line",
            )
        seen[saga_id] = number
        if some:
            overrides[saga_id] = some
    if not seen:
        raise UsageError(f"--override-file {path} names no saga")
    return overrides


def _wrong(path: str, number: int, reason: str) -> UsageError:
    return UsageError(f"--override-file {path}, line {number}: {reason}")


# ---------------------------------------------------------------- CSV


def _read_csv(path: str, lines: Iterator[str]) -> Iterator[_Line]:
    rows = csv.reader(lines, strict=True)
    try:
        header = next(rows, [])
        at = _check_header(path, header)
        keys = [to_pointer(name) for name in header]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise _wrong(
                    path,
                    rows.line_num,
                    f"it has {len(row)} cells and the header {len(header)}",
                )
            overrides = tuple(
                Override(key, "=", cell)
                for column, (key, cell) in enumerate(zip(keys, row, strict=True))
                if cell and column != at
            )
            yield rows.line_num, row[at], overrides
    except csv.Error as error:
        raise _wrong(path, rows.line_num, f"it is no CSV ({error})") from None


def _check_header(path: str, header: list[str]) -> int:
    """Return the column of the sagas' ids."""
    if _ID not in header:
        raise _wrong(
            path,
            1,
            f"the header {','.join(header)!r} has no column {_ID}; write it as {_ID},token",
        )
    for name in header:
        if header.count(name) > 1:
            raise _wrong(path, 1, f"the header has the column {name!r} twice")
        if name != name.strip() or not name:
            raise _wrong(path, 1, f"the header has a column {name!r}; name a key without spaces")
        try:
            split_pointer(to_pointer(name))
        except OverrideError as error:
            raise _wrong(path, 1, str(error)) from None
    if len(header) == 1:
        raise _wrong(path, 1, f"the header has no column beside {_ID}, so nothing would be set")
    return header.index(_ID)


# ---------------------------------------------------------------- JSON Lines


def _read_json_lines(path: str, lines: Iterator[str]) -> Iterator[_Line]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, *_read_line(line)
            except OverrideError as error:
                raise _wrong(path, number, str(error)) from None


def _read_line(line: str) -> tuple[str, tuple[Override, ...]]:
    document = read_json(line, MISSING)
    if not isinstance(document, dict) or set(document) != _MEMBERS:
        raise OverrideError(f"it is no object of saga_id and overrides; write it as {_EXAMPLE}")
    if not isinstance(document["overrides"], dict):
        raise OverrideError(f"its overrides are no object; write it as {_EXAMPLE}")
    written = dict(members_as_written(line))["overrides"]
    overrides = tuple(
        Override(to_pointer(key), ":=", text) for key, text in members_as_written(written)
    )
    for override in overrides:
        read_override(override, {})
    return document[_ID], overrides
