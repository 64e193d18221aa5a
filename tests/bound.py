"""Takes permissions away, and runs a command that they bind, even where the tests are root's.

Root may write anywhere by three capabilities. As a script this gives them up for good and then
becomes the command, which is root still but can write only what permissions let it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_DROP_FROM_BOUNDING_SET = 24
_OVERRIDING_PERMISSIONS = (1, 2, 3)


def bound(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one bound by permissions."""
    return [sys.executable, __file__, *command]


@contextmanager
def locked(folder: Path, *, folder_too: bool = True) -> Iterator[None]:
    """Take the permission to write from all files of a folder, and from the folder itself."""
    places = [*folder.iterdir(), *([folder] if folder_too else [])]
    modes = [(place, stat.S_IMODE(place.stat().st_mode)) for place in places]
    for place, mode in modes:
        place.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for place, mode in modes:
            if place.exists():
                place.chmod(mode)


def main() -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in _OVERRIDING_PERMISSIONS:
            if libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "a capability could not be given up")
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
