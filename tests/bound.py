"""Runs a command that file permissions bind, even where whoever runs the tests is root.

Root may write anywhere by three capabilities. As a script this gives them up for good and then
becomes the command, which is root still but can write only what permissions let it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence

_DROP_FROM_BOUNDING_SET = 24
_OVERRIDING_PERMISSIONS = (1, 2, 3)


def bound(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one bound by permissions."""
    return [sys.executable, __file__, *command]


def main() -> None:
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in _OVERRIDING_PERMISSIONS:
            if libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "a capability could not be given up")
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
