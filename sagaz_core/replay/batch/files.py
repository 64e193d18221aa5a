"""The files that overrides read: a batch is gone on with only while they hold the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from sagaz_core.errors import BatchChangedError, UsageError
from sagaz_core.replay.batch.options import BatchOptions


def file_digests(options: BatchOptions) -> dict[str, str]:
    """Return a hash of each file that an override reads, by the path as it was written.

    Raises:
        UsageError: one of them cannot be read.
    """
    texts = [*options.overrides, *(one for some in options.saga_overrides.values() for one in some)]
    return {text.raw: _digest(text.raw) for text in texts if text.operator == "=@"}


def check_files(begun: Mapping[str, str]) -> None:
    """Raise :class:`BatchChangedError` if a file does not hold what it held when a batch began."""
    for path, digest in begun.items():
        try:
            same = _digest(path) == digest
        except UsageError as error:
            raise BatchChangedError(f"{error}; resume the batch where it was begun") from None
        if not same:
            raise BatchChangedError(
                f"the file {path!r} of an override holds something else than when the batch "
                "began; put back what it held, or begin a new batch for what is left"
            )


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"the file {path!r} of an override cannot be read ({error.strerror})"
        ) from error
