"""One value's bytes as a difference to the same value as it was before.

What both begin and end with is found first, stepping over the few bytes that count a list's or
map's items: it takes a fraction of a compressor's time, and is all there is to a list that grows
or a field that changes. What remains between is compressed with zstd, with the corresponding
part of the value before as its dictionary.
"""

from __future__ import annotations

from typing import Any, Final

import zstandard

MAX_VALUE_BYTES: Final = 1 << 30
"""What a decoded value may take at most, whatever a stored frame says of itself."""
_MOST_TIMES: Final = 256
"""How many times larger than itself what a frame holds is at most: frames of less are padded,
so that no few bytes, whoever wrote them, can fill the memory."""
_SKIPPED: Final = b"\x50\x2a\x4d\x18"
"""What a frame begins with that zstd passes over."""

Difference = list[Any]
"""Parts that make the value when joined: bytes, ``[start, length]`` for a run of the value
before, or ``[start, length, frame]`` for a frame whose dictionary is that run."""

_MIN_SHARED: Final = 32
"""A shared run shorter than this costs more than it saves."""
_MIN_COMPRESSED: Final = 256
"""Below this many bytes a frame gains less than the time it takes is worth."""
_MAX_STEP: Final = 4
"""Bytes that may differ between two shared runs: the count in a header."""
_MAX_RUNS: Final = 8

_MIN_HASH_LOG, _MAX_HASH_LOG = 10, 20
_MIN_WINDOW_LOG, _MAX_WINDOW_LOG = 10, 27


def difference(before: bytes | None, value: bytes) -> bytes | Difference:
    """Return what to store of a value: itself, or its difference to the one before."""
    if len(value) < 2 * _MIN_SHARED or (not before and len(value) < _MIN_COMPRESSED):
        return value
    before = before or b""
    parts: Difference = []
    position = _shared_runs(before, value, parts)
    suffix = _shared_suffix(before, value, position)
    if suffix < _MIN_SHARED:
        suffix = 0
    middle = value[position : len(value) - suffix]
    if middle:
        parts.append(_packed_middle(middle, before, position, len(before) - suffix))
    if suffix:
        parts.append([len(before) - suffix, suffix])
    return value if parts == [value] else parts


def restore(before: bytes | bytearray | None, stored: bytes | Difference) -> bytes:
    """Undo :func:`difference`; raises ValueError if it was made from another value."""
    if isinstance(stored, bytes):
        return stored
    before = before or b""
    found: list[bytes | bytearray] = []
    unused = len(before)
    for part in stored:
        if isinstance(part, bytes):
            found.append(part)
            continue
        start, length, *frame = part
        unused -= length
        if start < 0 or length < 0 or start + length > len(before) or unused < 0:
            raise ValueError("it refers to more than there was of the value before")
        run = before[start : start + length]
        found.append(decompress_frame(frame[0], bytes(run)) if frame else run)
    return b"".join(found)


def patch(value: bytearray, stored: Difference) -> bool:
    """Undo :func:`difference` within the value before, if all that is kept stays in its place.

    Returns False, and has changed nothing, if some of it moves or a frame is to be read.
    """
    position = 0
    for part in stored:
        if isinstance(part, bytes):
            position += len(part)
        elif len(part) != 2 or part[0] != position:
            return False
        else:
            position += part[1]
            if part[1] < 0 or position > len(value):
                return False
    position = 0
    for part in stored:
        if isinstance(part, bytes):
            value[position : position + len(part)] = part
            position += len(part)
        else:
            position += part[1]
    del value[position:]
    return True


def compress(content: bytes) -> bytes:
    """Return content after one byte that says whether it is compressed: where that gains."""
    if len(content) >= _MIN_COMPRESSED:
        frame = compress_frame(_compressor(content), content)
        if len(frame) < len(content):
            return b"\x01" + frame
    return b"\x00" + content


def decompress(stored: bytes) -> bytes:
    """Undo :func:`compress`."""
    return decompress_frame(stored[1:]) if stored[0] else stored[1:]


def compress_frame(compressor: zstandard.ZstdCompressor, content: bytes) -> bytes:
    """Return a frame of content that :func:`decompress_frame` takes: padded where it is short."""
    frame = compressor.compress(content)
    missing = -(-len(content) // _MOST_TIMES) - len(frame)
    if missing <= 0:
        return frame
    return frame + _SKIPPED + missing.to_bytes(4, "little") + bytes(missing)


def decompress_frame(frame: bytes, dictionary: bytes = b"") -> bytes:
    """Return a frame's content, reading no further than its own length allows.

    Raises ValueError if it is damaged or larger. The size that a frame declares is not believed.
    """
    decompressor = (
        zstandard.ZstdDecompressor(dict_data=_raw_dictionary(dictionary))
        if dictionary
        else zstandard.ZstdDecompressor()
    )
    parts: list[bytes] = []
    room = min(MAX_VALUE_BYTES, len(frame) * _MOST_TIMES)
    try:
        with decompressor.stream_reader(frame) as reader:
            while part := reader.read(min(room + 1, 1 << 20)):
                parts.append(part)
                room -= len(part)
                if room < 0:
                    raise ValueError("a compressed value is larger than any that is stored")
    except zstandard.ZstdError as error:
        raise ValueError(f"a compressed value is damaged ({error})") from error
    return b"".join(parts)


# ---------------------------------------------------------------- what is shared


def _shared_runs(before: bytes, value: bytes, parts: Difference) -> int:
    """Add the runs shared from the beginning on, and return how far they reach in both."""
    position = taken = 0
    for _ in range(_MAX_RUNS):
        reached = position + _shared_prefix(before, value, position)
        if reached - position >= _MIN_SHARED:
            if position > taken:
                parts.append(value[taken:position])
            parts.append([position, reached - position])
            taken = reached
        for step in range(1, _MAX_STEP + 1):
            again = reached + step
            run = value[again : again + _MIN_SHARED]
            if len(run) == _MIN_SHARED and before[again : again + _MIN_SHARED] == run:
                position = again
                break
        else:
            break
    return taken


def _shared_prefix(a: bytes, b: bytes, start: int) -> int:
    """Return how many bytes from ``start`` on are the same, by halving."""
    lo, hi = 0, max(min(len(a), len(b)) - start, 0)
    # The beginning first: where that differs, all of it need not be looked at.
    probe = min(hi, _MIN_SHARED)
    if a[start : start + probe] == b[start : start + probe]:
        lo, probe = probe, hi
    else:
        hi = probe - 1
        probe = (hi + 1) // 2
    while lo < hi:
        if a[start + lo : start + probe] == b[start + lo : start + probe]:
            lo = probe
        else:
            hi = probe - 1
        probe = (lo + hi + 1) // 2
    return lo


def _shared_suffix(a: bytes, b: bytes, start: int) -> int:
    """Return how many bytes before the ends are the same, not reaching below ``start``."""
    lo, hi = 0, min(len(a), len(b)) - start
    probe = hi
    while lo < hi:
        if a[len(a) - probe : len(a) - lo] == b[len(b) - probe : len(b) - lo]:
            lo = probe
        else:
            hi = probe - 1
        probe = (lo + hi + 1) // 2
    return lo


# ---------------------------------------------------------------- what is not


def _packed_middle(middle: bytes, before: bytes, start: int, stop: int) -> Any:
    """Return the part for bytes that are new, given the run they took the place of."""
    if len(middle) < _MIN_COMPRESSED:
        return middle
    if stop - start < _MIN_SHARED:
        start = stop = 0
    frame = compress_frame(_compressor(middle, before[start:stop]), middle)
    return [start, stop - start, frame] if len(frame) < len(middle) else middle


def _compressor(content: bytes, dictionary: bytes = b"") -> zstandard.ZstdCompressor:
    # A level's own tables are made for megabytes and take three times as long to set up as such
    # a value takes to compress; measured, these lose nothing on what is found here.
    bits = (len(content) + len(dictionary)).bit_length()
    hash_log = max(_MIN_HASH_LOG, min(bits - 3, _MAX_HASH_LOG))
    parameters = zstandard.ZstdCompressionParameters(
        strategy=zstandard.STRATEGY_DFAST,
        window_log=max(_MIN_WINDOW_LOG, min(bits, _MAX_WINDOW_LOG)),
        hash_log=hash_log,
        chain_log=hash_log - 1,
        search_log=1,
        min_match=5,
        target_length=0,
        write_checksum=True,
        write_dict_id=False,
    )
    if not dictionary:
        return zstandard.ZstdCompressor(compression_params=parameters)
    return zstandard.ZstdCompressor(
        dict_data=_raw_dictionary(dictionary), compression_params=parameters
    )


def _raw_dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
