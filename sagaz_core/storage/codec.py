"""Typed values to bytes and back: MessagePack with extension types for what it has none for.

What goes in comes out equal and of the same type: None, bool, int of any size, float, str, list,
dict with string keys, tuple, set, frozenset, bytes, datetime, date, time, timedelta, Decimal,
UUID, and what stands for a value: :class:`~sagaz_core.model.NotStored`, a secret's
:class:`~sagaz_core.model.Masked` and its encrypted form. Anything else, subclasses included, is
replaced by a NotStored that says where it was, and so is what lies deeper than 200 levels.

Time zones: ``timezone.utc`` and fixed offsets come back as they were, a ``ZoneInfo`` with a key
as that zone where the reading machine's tables give it the same offset, and every other zone
(pytz, dateutil) as the fixed offset it had at that moment. ``fold`` is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import chain
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import ormsgpack

from sagaz_core.compliance.sealed import Sealed
from sagaz_core.model import Masked, NotStored

MAX_DEPTH: Final = 200
"""Levels of nesting that are certain to be kept."""

_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
)

# The numbers are part of the stored form: never reuse one.
_TUPLE, _SET, _FROZENSET, _BIG_INT, _DATETIME = 1, 2, 3, 4, 5
_DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _NOT_STORED = 6, 7, 8, 9, 10, 11
_SEALED, _MASKED = 12, 13

_COLLECTIONS: Final[dict[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}
_CONTAINERS: Final = frozenset({dict, list, *_COLLECTIONS})
_NATIVE: Final = frozenset({type(None), bool, int, float, str, bytes})
_MICROSECOND: Final = timedelta(microseconds=1)


class NotStorableError(TypeError):
    """A value has no stored form."""


def pack(value: Any) -> bytes:
    """Return the bytes of a value; raises :class:`NotStorableError` if any of it has none."""
    packed, markers = pack_with_markers(value)
    if markers:
        first = markers[0]
        raise NotStorableError(f"{first.path}: {first.type_name} {first.reason}")
    return packed


def pack_with_markers(value: Any, path: str = "") -> tuple[bytes, list[NotStored]]:
    """Return the bytes of a value and the markers that took the place of what has none.

    ``path`` is the JSON Pointer of the value, under which the markers name theirs.
    """
    packed = pack_quickly(value)
    if packed is not None:
        return packed, []
    markers: list[NotStored] = []
    return _pack_native(_Walk(markers).storable(value, path, 0)), markers


def pack_quickly(value: Any) -> bytes | None:
    """Return the bytes of a value, or None if it takes a walk to say whether it has any."""
    try:
        packed = ormsgpack.packb(value, _to_extension, _OPTIONS)
    except ormsgpack.MsgpackEncodeError:
        return None
    # The packer takes bytearray and memoryview for bytes; where its output could hold
    # a binary header, the value itself has to be asked.
    may_be_binary = b"\xc4" in packed or b"\xc5" in packed or b"\xc6" in packed
    return None if may_be_binary and _holds_buffer(value) else packed


def unpack(packed: bytes) -> Any:
    """Return a fresh value from its bytes; raises ValueError if they are damaged."""
    return ormsgpack.unpackb(packed, ext_hook=_from_extension)


def unpack_each(packed: Mapping[str, bytes]) -> dict[str, Any]:
    """Return fresh values from theirs each; raises ValueError if any are damaged."""
    # As one list, which is several times faster than one by one.
    values = unpack(b"".join([_array_header(len(packed)), *packed.values()]))
    return dict(zip(packed, values, strict=True))


def escape_pointer(key: str) -> str:
    """Return a key as one token of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def valid_text(text: str) -> str:
    """Return a text with what UTF-8 cannot hold (a lone surrogate) written as an escape."""
    return text.encode(errors="backslashreplace").decode()


_Moment = TypeVar("_Moment", datetime, time)


# ---------------------------------------------------------------- packing


def _pack_native(value: Any) -> bytes:
    return ormsgpack.packb(value, None, _OPTIONS)


def _to_extension(value: Any) -> ormsgpack.Ext:
    """Turn a value the packer does not know into an extension, or refuse it."""
    kind = type(value)
    code = _COLLECTIONS.get(kind)
    if code is None:
        encoder = _ENCODERS.get(kind)
        if encoder is None:
            raise NotStorableError(kind.__name__)
        return encoder(value)
    for item in value:
        # Packing an extension inside an extension starts counting levels anew;
        # nested ones are left to the walk, which counts exactly.
        if type(item) not in _NATIVE and type(item) not in _ENCODERS:
            raise NotStorableError(kind.__name__)
    return _collection(code, [ormsgpack.packb(item, _to_extension, _OPTIONS) for item in value])


def _collection(code: int, items: list[bytes]) -> ormsgpack.Ext:
    if code != _TUPLE:
        items.sort()
    return ormsgpack.Ext(code, b"".join([_array_header(len(items)), *items]))


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes((0x90 | length,))
    if length < 1 << 16:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")


def _holds_buffer(value: Any) -> bool:
    level: list[Any] = [value]
    while level:
        kinds = set(map(type, level))
        if bytearray in kinds or memoryview in kinds:
            return True
        below: list[Any] = []
        for kind in kinds & _CONTAINERS:
            group = level if len(kinds) == 1 else [item for item in level if type(item) is kind]
            parts: Iterable[Any] = map(dict.values, group) if kind is dict else group
            below.extend(chain.from_iterable(parts))
        level = below
    return False


class _Walk:
    """Goes through a value that does not pack and finds out where, and why."""

    def __init__(self, markers: list[NotStored]) -> None:
        self._markers = markers
        self._entered: set[int] = set()

    def storable(self, value: Any, path: str, depth: int) -> Any:
        """Return what packs natively in place of the value."""
        kind = type(value)
        if kind is str:
            return value if _is_text(value) else self._mark(value, path, "is not valid text")
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else _big_int(value)
        if kind in _NATIVE:
            return value
        if kind is dict or kind is list or kind in _COLLECTIONS:
            if depth >= MAX_DEPTH:
                return self._mark(value, path, f"is nested deeper than {MAX_DEPTH} levels")
            if id(value) in self._entered:
                return self._mark(value, path, "contains itself")
            self._entered.add(id(value))
            try:
                return self._nested(value, path, depth)
            finally:
                self._entered.remove(id(value))
        encoder = _ENCODERS.get(kind)
        if encoder is None:
            return self._mark(value, path, "has no stored form")
        try:
            return encoder(value)
        except NotStorableError as error:
            return self._mark(value, path, str(error))

    def _nested(self, value: Any, path: str, depth: int) -> Any:
        if type(value) is dict:
            for key in value:
                if type(key) is not str:
                    return self._mark(value, path, f"has a key of type {type(key).__name__}")
                if not _is_text(key):
                    return self._mark(value, path, "has a key that is not valid text")
            return {
                key: self.storable(item, f"{path}/{escape_pointer(key)}", depth + 1)
                for key, item in value.items()
            }
        items = [
            self.storable(item, f"{path}/{index}", depth + 1) for index, item in enumerate(value)
        ]
        if type(value) is list:
            return items
        return _collection(_COLLECTIONS[type(value)], [_pack_native(item) for item in items])

    def _mark(self, value: Any, path: str, reason: str) -> ormsgpack.Ext:
        marker = NotStored(path, type(value).__name__, reason)
        self._markers.append(marker)
        return _not_stored(marker)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


# ---------------------------------------------------------------- the extension types


def _big_int(value: int) -> ormsgpack.Ext:
    return ormsgpack.Ext(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _datetime(value: datetime) -> ormsgpack.Ext:
    text = value.replace(tzinfo=None).isoformat()
    if value.tzinfo is None and not value.fold:
        return ormsgpack.Ext(_DATETIME, _pack_native([text]))
    return ormsgpack.Ext(
        _DATETIME, _pack_native([text, value.fold, *_zone(value.tzinfo, value.utcoffset())])
    )


def _time(value: time) -> ormsgpack.Ext:
    text = value.replace(tzinfo=None).isoformat()
    return ormsgpack.Ext(
        _TIME, _pack_native([text, value.fold, *_zone(value.tzinfo, value.utcoffset())])
    )


def _zone(zone: tzinfo | None, offset: timedelta | None) -> list[Any]:
    """Return offset in microseconds, name of a fixed offset and key of a named zone."""
    if zone is None:
        return []
    microseconds = None if offset is None else offset // _MICROSECOND
    key = zone.key if type(zone) is ZoneInfo else None
    if microseconds is None and key is None:
        raise NotStorableError("has a time zone without an offset")
    if type(zone) is timezone and len(arguments := zone.__getinitargs__()) == 2:  # type: ignore[attr-defined]
        return [microseconds, arguments[1]]
    return [microseconds] if key is None else [microseconds, None, key]


def _not_stored(marker: NotStored) -> ormsgpack.Ext:
    fields = [valid_text(text) for text in (marker.path, marker.type_name, marker.reason)]
    return ormsgpack.Ext(_NOT_STORED, _pack_native(fields))


_ENCODERS: Final[dict[type, Callable[[Any], ormsgpack.Ext]]] = {
    int: _big_int,
    datetime: _datetime,
    date: lambda value: ormsgpack.Ext(_DATE, value.isoformat().encode()),
    time: _time,
    timedelta: lambda value: ormsgpack.Ext(
        _TIMEDELTA, _pack_native([value.days, value.seconds, value.microseconds])
    ),
    Decimal: lambda value: ormsgpack.Ext(_DECIMAL, str(value).encode()),
    UUID: lambda value: ormsgpack.Ext(_UUID, value.bytes),
    NotStored: _not_stored,
    Sealed: lambda value: ormsgpack.Ext(_SEALED, value.to_bytes()),
    Masked: lambda value: ormsgpack.Ext(_MASKED, _pack_native([value.length, value.fingerprint])),
}


def _read_datetime(data: bytes) -> datetime:
    text, *rest = ormsgpack.unpackb(data)
    value = datetime.fromisoformat(text)
    if not rest:
        return value
    fold, *zone = rest
    return _in_zone(value.replace(fold=fold), *zone)


def _read_time(data: bytes) -> time:
    text, fold, *zone = ormsgpack.unpackb(data)
    return _in_zone(time.fromisoformat(text).replace(fold=fold), *zone)


def _in_zone(
    value: _Moment,
    microseconds: int | None = None,
    name: str | None = None,
    key: str | None = None,
) -> _Moment:
    if microseconds is None and key is None:
        return value
    offset = None if microseconds is None else timedelta(microseconds=microseconds)
    if key is not None:
        try:
            named = value.replace(tzinfo=ZoneInfo(key))
        except (LookupError, OSError, ValueError):
            named = None
        if named is not None and named.utcoffset() == offset:
            return named
    if offset is None:
        return value
    if name is not None:
        return value.replace(tzinfo=timezone(offset, name))
    return value.replace(tzinfo=timezone(offset) if offset else UTC)


def _read_timedelta(data: bytes) -> timedelta:
    days, seconds, microseconds = ormsgpack.unpackb(data)
    return timedelta(days, seconds, microseconds)


_DECODERS: Final[dict[int, Callable[[bytes], Any]]] = {
    _TUPLE: lambda data: tuple(unpack(data)),
    _SET: lambda data: set(unpack(data)),
    _FROZENSET: lambda data: frozenset(unpack(data)),
    _BIG_INT: lambda data: int.from_bytes(data, "big", signed=True),
    _DATETIME: _read_datetime,
    _DATE: lambda data: date.fromisoformat(data.decode()),
    _TIME: _read_time,
    _TIMEDELTA: _read_timedelta,
    _DECIMAL: lambda data: Decimal(data.decode()),
    _UUID: lambda data: UUID(bytes=data),
    _NOT_STORED: lambda data: NotStored(*ormsgpack.unpackb(data)),
    _SEALED: Sealed.from_bytes,
    _MASKED: lambda data: Masked(*ormsgpack.unpackb(data)),
}


def _from_extension(code: int, data: bytes) -> Any:
    decoder = _DECODERS.get(code)
    if decoder is None:
        raise ValueError(f"unknown extension type {code}")
    return decoder(data)
