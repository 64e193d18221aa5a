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

_BEFORE: Final = frozenset(sys.modules)
"""Modules that were loaded by another program than this one are its own affair."""
_OURS: Final = frozenset({"sagaz_core", "sagaz_tui"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_loaded: dict[str, int] = {}
"""When the file of each module had been changed last as it was loaded, in nanoseconds."""
_one_at_a_time = threading.Lock()


@contextmanager
def fresh_code(folders: Sequence[Path]) -> Iterator[None]:
    """Have what is imported inside come from the files in these folders as they are now.

    If one of them has changed, every module loaded from there is forgotten: others may hold what
    was in it.
    """
    with _one_at_a_time:
        own = _own_modules(folders)
        if any(_loaded.get(name, changed) != changed for name, changed in own.items()):
            for name in own:
                del sys.modules[name]
            importlib.invalidate_caches()
            linecache.checkcache()
        try:
            yield
        finally:
            _loaded.update(_own_modules(folders))


def _own_modules(folders: Sequence[Path]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name in _BEFORE or name.partition(".")[0] in _OURS:
            continue
        if _is_own(Path(file), folders):
            try:
                found[name] = Path(file).stat().st_mtime_ns
            except OSError:
                found[name] = 0
    return found


def _is_own(file: Path, folders: Sequence[Path]) -> bool:
    prefixes = (Path(sys.prefix), Path(sys.base_prefix))
    return (
        any(file.is_relative_to(folder) for folder in folders)
        and not any(file.is_relative_to(prefix) for prefix in prefixes)
        and _INSTALLED.isdisjoint(file.parts)
    )
