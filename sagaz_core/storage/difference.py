"""One value's bytes as a difference to an earlier version of the same value.

What both begin and end with is found first: it takes a hundredth of the time of a compressor
and is all there is to a list that grows or a field that changes. What remains between is
compressed with zstd, with the corresponding part of the earlier version as its dictionary.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import zstandard

MAX_VALUE_BYTES: Final = 1 << 30
"""What a decoded value may take at most, whatever a stored frame says of itself."""

_MIN_HASH_LOG, _MAX_HASH_LOG = 10, 20
_MIN_WINDOW_LOG, _MAX_WINDOW_LOG = 10, 27
_MIN_SHARED: Final = 32
"""A shared run shorter than this costs more than it saves."""
_MIN_COMPRESSED: Final = 256
"""Bytes below which a frame of its own, without a dictionary, gains nothing."""

_PLAIN, _ZSTD, _ZSTD_WITH_DICTIONARY = 0, 1, 2


class Splice(NamedTuple):
    """How to make a value out of an earlier one: its ends are kept, its middle is new.

    The value is ``head``, then ``prefix`` bytes of the earlier version from ``skip`` on, then the
    middle, then the last ``suffix`` bytes of the earlier version.
    """

    head: bytes
    skip: int
    prefix: int
    suffix: int
    form: int
    middle: bytes

    def apply_to(self, base: bytes | None) -> bytes:
        """Return the value; raises ValueError if it cannot have been made from this version."""
        if base is None:
            if self.prefix or self.suffix or self.form == _ZSTD_WITH_DICTIONARY:
                raise ValueError("the version it refers to is missing")
            base = b""
        kept_to = self.skip + self.prefix
        kept_from = len(base) - self.suffix
        if kept_to > kept_from:
            raise ValueError("it refers to more than there is of the version before")
        if self.form == _PLAIN:
            middle = self.middle
        elif self.form == _ZSTD:
            middle = decompress_frame(self.middle)
        elif self.form == _ZSTD_WITH_DICTIONARY:
            middle = decompress_frame(self.middle, base[kept_to:kept_from])
        else:
            raise ValueError(f"unknown form {self.form}")
        return b"".join((self.head, base[self.skip : kept_to], middle, base[kept_from:]))


def difference(base: bytes | None, value: bytes) -> bytes | Splice:
    """Return what to store of a value, given the version it refers to: itself, or a splice."""
    if len(value) < _MIN_SHARED * 2:
        return value
    if base is None or len(base) < _MIN_SHARED:
        return _without_base(value)
    # The header of an array or a map says how many items there are, and changes with every
    # item that is added, while all that follows it stays.
    skip, start = _header_length(base), _header_length(value)
    if not skip or not start:
        skip = start = 0
    prefix = _shared_prefix(base, skip, value, start)
    suffix = _shared_suffix(base, skip + prefix, value, start + prefix)
    if prefix < _MIN_SHARED:
        prefix = skip = start = 0
    if suffix < _MIN_SHARED:
        suffix = 0
    middle = value[start + prefix : len(value) - suffix]
    form, stored = _compress_middle(middle, base[skip + prefix : len(base) - suffix])
    if not prefix and not suffix and form == _PLAIN:
        return value
    return Splice(value[:start], skip, prefix, suffix, form, stored)


def compress(content: bytes) -> bytes:
    """Return content as one byte that says how, and itself, compressed where that gains."""
    if len(content) >= _MIN_COMPRESSED:
        frame = _compressor(content).compress(content)
        if len(frame) < len(content):
            return bytes((_ZSTD,)) + frame
    return bytes((_PLAIN,)) + content


def decompress(stored: bytes) -> bytes:
    """Undo :func:`compress`."""
    return decompress_frame(stored[1:]) if stored[0] == _ZSTD else stored[1:]


def decompress_frame(frame: bytes, dictionary: bytes | None = None) -> bytes:
    """Return a frame's content, reading no further than :data:`MAX_VALUE_BYTES`.

    Raises ValueError if it is damaged or larger. The size that a frame declares is not believed.
    """
    decompressor = (
        zstandard.ZstdDecompressor()
        if dictionary is None
        else zstandard.ZstdDecompressor(dict_data=_raw_dictionary(dictionary))
    )
    parts: list[bytes] = []
    room = MAX_VALUE_BYTES
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


def _without_base(value: bytes) -> bytes | Splice:
    if len(value) < _MIN_COMPRESSED:
        return value
    frame = _compressor(value).compress(value)
    return Splice(b"", 0, 0, 0, _ZSTD, frame) if len(frame) < len(value) else value


def _compress_middle(middle: bytes, old_middle: bytes) -> tuple[int, bytes]:
    if len(middle) < _MIN_SHARED * 2:
        return _PLAIN, middle
    if len(old_middle) >= _MIN_SHARED:
        form, frame = _ZSTD_WITH_DICTIONARY, _compressor(middle, old_middle).compress(middle)
    elif len(middle) >= _MIN_COMPRESSED:
        form, frame = _ZSTD, _compressor(middle).compress(middle)
    else:
        return _PLAIN, middle
    return (form, frame) if len(frame) < len(middle) else (_PLAIN, middle)


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


# ---------------------------------------------------------------- shared ends


def _header_length(packed: bytes) -> int:
    """Return the bytes of an array's or map's MessagePack header; 0 for anything else."""
    first = packed[0]
    if 0x80 <= first <= 0x9F:
        return 1
    if first in (0xDC, 0xDE):
        return 3
    if first in (0xDD, 0xDF):
        return 5
    return 0


def _shared_prefix(a: bytes, a_start: int, b: bytes, b_start: int) -> int:
    """Return how many bytes from the two starts on are the same, by halving."""
    lo, hi = 0, min(len(a) - a_start, len(b) - b_start)
    probe = hi
    while lo < hi:
        if a[a_start + lo : a_start + probe] == b[b_start + lo : b_start + probe]:
            lo = probe
        else:
            hi = probe - 1
        probe = (lo + hi + 1) // 2
    return lo


def _shared_suffix(a: bytes, a_start: int, b: bytes, b_start: int) -> int:
    """Return how many bytes before the ends are the same, not reaching over the starts."""
    lo, hi = 0, min(len(a) - a_start, len(b) - b_start)
    probe = hi
    while lo < hi:
        if a[len(a) - probe : len(a) - lo] == b[len(b) - probe : len(b) - lo]:
            lo = probe
        else:
            hi = probe - 1
        probe = (lo + hi + 1) // 2
    return lo
