"""Few bytes that unpack to many, and what shows that they are refused before that."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import ormsgpack
import zstandard

UNPACKED: Final = 200_000_000
MOST_BYTES: Final = 20_000_000
"""What refusing one may take: a tenth of what it unpacks to."""


def bomb(*, declared: int | None = None) -> bytes:
    """Return a frame of 200 MB of zeros; ``declared``: how many it says there are, if any."""
    packer = zstandard.ZstdCompressor(level=1).compressobj(
        size=-1 if declared is None else declared
    )
    zeros = bytes(1_000_000)
    frame = b"".join(packer.compress(zeros) for _ in range(UNPACKED // len(zeros)))
    frame += packer.flush()
    assert len(frame) < 20_000
    return frame


def keyframe(content: bytes) -> bytes:
    """Return the body of a first checkpoint with this as its content."""
    return b"\x02" + zlib.crc32(content).to_bytes(4, "big") + content


def delta(before: bytes, parts: list[Any]) -> bytes:
    """Return the body of a checkpoint that follows the one with the body before."""
    content = ormsgpack.packb(parts)
    check = zlib.crc32(content, int.from_bytes(before[1:5], "big"))
    return b"\x01" + check.to_bytes(4, "big") + content


@contextmanager
def little_memory() -> Iterator[None]:
    """See that what is done within takes little memory at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
