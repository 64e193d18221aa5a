"""Loads the person's own modules anew once a file of theirs has changed, while a screen is open."""

from __future__ import annotations

import importlib
import linecache
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OURS: Final = frozenset({"sagaz_core", "sagaz_tui"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_loaded: dict[str, int] = {}
"""When the file of each module had been changed last as it was loaded, in nanoseconds."""
_one_at_a_time = threading.Lock()


@contextmanager
def fresh_code(folders: Sequence[Path]) -> Iterator[None]:
    """Have what is imported inside come from the files in these folders as they are now.

    If one of them has changed, every module that was so loaded is forgotten: others may hold what
    was in it.
    """
    with _one_at_a_time:
        if any(_changed(name) != changed for name, changed in _loaded.items()):
            for name in _loaded:
                sys.modules.pop(name, None)
            _loaded.clear()
            importlib.invalidate_caches()
            linecache.checkcache()
        before = set(sys.modules)
        try:
            yield
        finally:
            new = [name for name in list(sys.modules) if name not in before]
            _loaded.update((name, _changed(name)) for name in new if _is_own(name, folders))


def _changed(name: str) -> int:
    """When a module's file was changed last; 0: it has none any more."""
    try:
        return _file(name).stat().st_mtime_ns
    except OSError:
        return 0


def _file(name: str) -> Path:
    return Path(getattr(sys.modules.get(name), "__file__", None) or "/no file")


def _is_own(name: str, folders: Sequence[Path]) -> bool:
    file, prefixes = _file(name), (Path(sys.prefix), Path(sys.base_prefix))
    return (
        name.partition(".")[0] not in _OURS
        and any(file.is_relative_to(folder) for folder in folders)
        and not any(file.is_relative_to(prefix) for prefix in prefixes)
        and _INSTALLED.isdisjoint(file.parts)
    )
