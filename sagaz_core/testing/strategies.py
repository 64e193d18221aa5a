"""Everything that can be stored, as hypothesis strategies, and how two values are told apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

from sagaz_core.model import NotStored
from sagaz_core.storage.codec import escape_pointer

texts = st.text(st.characters(exclude_categories=["Cs"]))
"""Text that UTF-8 can hold, control characters among it."""

surrogates = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3)

saga_ids = st.text(
    st.characters(exclude_categories=["Cs"]).filter(str.isprintable), min_size=1, max_size=256
)

_offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
_HASHABLE: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(1 << 4000), max_value=1 << 4000)
    | st.floats()
    | texts
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.datetimes(timezones=_offsets)
    | st.datetimes(timezones=st.timezones())
    | st.dates()
    | st.times()
    | st.times(timezones=_offsets)
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
_scalars = _HASHABLE | st.decimals(allow_nan=True)
hashable = st.recursive(
    _HASHABLE, lambda each: st.tuples(each, each) | st.frozensets(each, max_size=3), max_leaves=5
)


def _containers(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(each, max_size=4)
        | st.dictionaries(texts, each, max_size=4)
        | st.lists(each, max_size=3).map(tuple)
        | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3)
    )


values = st.recursive(_scalars, _containers, max_leaves=20)
"""Any value that comes back as it went in."""

spoilt_values = st.recursive(
    _scalars | surrogates,
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(texts | surrogates, each, max_size=4)
        | st.lists(each, max_size=3).map(tuple)
    ),
    max_leaves=20,
)
"""Values of which some text is none that UTF-8 can hold."""


def shape(value: Any) -> Any:
    """Return a value with every type spelled out: 1, 1.0 and True differ, and nan is nan."""
    kind = type(value)
    if kind is dict:
        return ("dict", [(key, shape(item)) for key, item in value.items()])
    if kind in (list, tuple):
        return (kind.__name__, [shape(item) for item in value])
    if kind in (set, frozenset):
        return (kind.__name__, sorted((shape(item) for item in value), key=repr))
    if kind is int:
        # The decimal form of a huge one is refused.
        return ("int", hex(value))
    return (kind.__name__, repr(value))


def with_markers(value: Any, path: str) -> Any:
    """Return what comes back of a spoilt value at a path: a marker where there is no valid text."""
    if type(value) is str:
        return value if _is_text(value) else NotStored(path, "str", "is not valid text")
    if type(value) is dict:
        if not all(map(_is_text, value)):
            return NotStored(path, "dict", "has a key that is not valid text")
        return {
            key: with_markers(item, f"{path}/{escape_pointer(key)}") for key, item in value.items()
        }
    if type(value) in (list, tuple):
        make: Callable[[Any], Any] = type(value)
        return make(with_markers(item, f"{path}/{index}") for index, item in enumerate(value))
    return value


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
