"""The screen's figures, all in one run: how soon it opens, follows a held key, and answers.

Everything runs in pseudo-terminals, beside empty Textual apps and in turns with them, on a list
of 100,000 sagas and on a saga of 100,000 checkpoints with a context of 50 KB each.
Run: ``python benchmarks/screen.py [--folder DIR]``; the folder keeps the stores for the next run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import screen_answers, screen_first_paint, screen_scrubbing
from benchmarks.long_saga import build
from benchmarks.scale import describe_machine
from benchmarks.stores import place_in


def main() -> int:
    """Measure, print, and fail if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the stores are kept for the next run")
    arguments = parser.parse_args()
    print(describe_machine())
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = place_in(folder)
        url = asyncio.run(build(place))
        met = [
            screen_first_paint.measure(place, url),
            screen_scrubbing.measure(url),
            screen_answers.measure(url),
        ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
