"""The overrides of a command: one by one on its line, or many from a file or stdin."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sagaz_core.errors import OverrideError, UsageError
from sagaz_core.model import MISSING
from sagaz_core.replay.overrides import Override, parse_override, read_override
from sagaz_core.replay.pointer import to_pointer
from sagaz_core.replay.value_reading import read_json

_SPACE: Final = re.compile(r"[ \t\n\r]*")


def collect_overrides(texts: Sequence[str], source: str | None) -> tuple[Override, ...]:
    """Return all overrides, those of the file or stdin first.

    Args:
        texts: given on the command line, in its grammar.
        source: a file, or ``-`` for stdin. It holds a JSON object of keys or pointers with
            their values, or a JSON list of overrides in the command line's grammar.

    Raises:
        UsageError: one cannot be read.
    """
    overrides = [] if source is None else _from_document(_read(source), source)
    overrides += map(parse_override, texts)
    for override in overrides:
        if override.operator == ":=":
            read_override(override, {})
    return tuple(overrides)


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read --overrides {source!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--overrides {source!r} is no UTF-8 text") from error


def _from_document(text: str, source: str) -> list[Override]:
    try:
        document = read_json(text, MISSING)
    except OverrideError as error:
        raise OverrideError(f"--overrides {source}: {error}") from error
    if isinstance(document, list) and all(isinstance(item, str) for item in document):
        return [parse_override(item) for item in document]
    if text.lstrip().startswith("{"):
        return [Override(to_pointer(key), ":=", value) for key, value in members_as_written(text)]
    raise OverrideError(
        f'--overrides {source} holds neither an object, as in {{"key": 1}}, '
        'nor a list of overrides, as in ["key=text"]'
    )


def members_as_written(text: str) -> Iterator[tuple[str, str]]:
    """Yield the members of a JSON object, known to be one, each value as it is written.

    Parsing and writing it again would lose digits of numbers.
    """
    decoder = json.JSONDecoder()
    at = text.index("{") + 1
    while text[at := _past_space(text, at)] != "}":
        key, at = _value(decoder, text, at)
        at = _past_space(text, at) + 1
        start = _past_space(text, at)
        _, at = _value(decoder, text, start)
        yield key, text[start:at]
        at = _past_space(text, at)
        at += text[at] == ","


def _value(decoder: json.JSONDecoder, text: str, at: int) -> tuple[Any, int]:
    return decoder.raw_decode(text, at)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
