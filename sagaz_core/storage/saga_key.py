"""A saga's own key, as it is at hand."""

from __future__ import annotations

from typing import NamedTuple

from sagaz_core.compliance.data_key import DataKey
from sagaz_core.storage.wrapped_key import WrappedKey


class SagaKey(NamedTuple):
    """A saga's data key, and from which checkpoint on it was there."""

    key: DataKey
    since: int
    wrapped: WrappedKey
    """As it was in the saga's row when it was made or read."""
