"""The real program, but a run that was killed is known to be dead after a few seconds."""

from __future__ import annotations

import sys

from sagaz_core.saga import recording
from sagaz_tui.__main__ import run

if __name__ == "__main__":
    recording.LEASE_TERM = float(sys.argv[1])  # type: ignore[misc]
    sys.exit(run(sys.argv[2:]))
