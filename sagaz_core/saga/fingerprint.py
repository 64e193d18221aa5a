"""A short hash of a function's code, the same in every process, to notice that it changed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

_LENGTH = 16


def fingerprint(*functions: Callable[..., Any] | None) -> str:
    """Return 16 hex digits for the code of ``functions``, taken together.

    What counts is what runs: bytecode, constants and names, nested functions included. Line
    numbers, file names and memory addresses do not. A function without Python code (a builtin)
    counts by its name.
    """
    return _hash(tuple(_code_of(function) for function in functions))


def _code_of(function: Callable[..., Any] | None) -> CodeType | str:
    while isinstance(function, functools.partial):
        function = function.func
    if function is None:
        return ""
    for candidate in (function, type(function).__call__):
        code = getattr(candidate, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"


@functools.lru_cache(maxsize=4096)
def _hash(codes: tuple[CodeType | str, ...]) -> str:
    digest = hashlib.sha256()
    for code in codes:
        for part in _parts(code):
            digest.update(part)
            digest.update(b"\0")
    return digest.hexdigest()[:_LENGTH]


def _parts(value: object) -> Iterator[bytes]:
    if isinstance(value, CodeType):
        yield value.co_code
        yield repr((value.co_names, value.co_varnames, value.co_freevars)).encode()
        for constant in value.co_consts:
            yield from _parts(constant)
    elif isinstance(value, tuple):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, frozenset):
        # Its order follows the hash seed, which differs from process to process.
        for text in sorted(repr(item) for item in value):
            yield text.encode()
    else:
        yield repr(value).encode()
