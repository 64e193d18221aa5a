"""Any value at all comes back with its types, or is named as what could not be kept."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagaz_core.model import NotStored
from sagaz_core.storage.codec import escape_pointer
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot
from sagaz_core.testing.strategies import (
    saga_ids,
    shape,
    spoilt_values,
    surrogates,
    texts,
    values,
    with_markers,
)

_each_its_own_saga = settings(
    deadline=None,
    suppress_health_check=[
        # The store is one, and each example a saga of its own in it.
        HealthCheck.function_scoped_fixture,
        # The promises are inherited by the tests of every backend.
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)


class RoundTripContract(ContractBase):
    """Any value at all comes back with its types, or is named as what could not be kept."""

    @pytest.mark.filterwarnings("ignore:Generating overly large repr")
    @_each_its_own_saga
    @given(contexts=st.lists(st.dictionaries(texts, values, max_size=4), min_size=1, max_size=4))
    async def test_any_context_comes_back_with_its_types(
        self, storage: SnapshotStorage, contexts: list[dict[str, Any]]
    ) -> None:
        saga_id = str(uuid4())
        for context in contexts:
            await storage.save_snapshot(snapshot(saga_id, context=context))
        found = await storage.list_snapshots(saga_id)
        assert [_items(each.context) for each in reversed(found)] == [
            _items(context) for context in contexts
        ]

    @_each_its_own_saga
    @given(results=st.dictionaries(texts.filter(bool), values, max_size=4))
    async def test_any_result_comes_back_with_its_types(
        self, storage: SnapshotStorage, results: dict[str, Any]
    ) -> None:
        saga_id = str(uuid4())
        await storage.save_snapshot(snapshot(saga_id, results=results))
        found = await storage.get_checkpoint(saga_id, 1)
        assert _items(found.results) == _items(results)

    @_each_its_own_saga
    @given(context=st.dictionaries(texts, spoilt_values, max_size=4))
    async def test_text_that_is_none_is_named_by_its_path_and_spoils_nothing_else(
        self, storage: SnapshotStorage, context: dict[str, Any]
    ) -> None:
        saga_id = str(uuid4())
        await storage.save_snapshot(snapshot(saga_id, context=context))
        found = await storage.get_checkpoint(saga_id, 1)
        assert _items(found.context) == _items(
            {key: with_markers(value, f"/{escape_pointer(key)}") for key, value in context.items()}
        )

    @_each_its_own_saga
    @given(key=surrogates)
    async def test_a_key_that_is_no_text_is_named_with_escapes(
        self, storage: SnapshotStorage, key: str
    ) -> None:
        saga_id = str(uuid4())
        await storage.save_snapshot(snapshot(saga_id, context={key: 1, "n": 2}))
        found = await storage.get_checkpoint(saga_id, 1)
        escaped = key.encode(errors="backslashreplace").decode()
        marker = found.context.pop(escaped)
        assert isinstance(marker, NotStored)
        assert (marker.path, marker.type_name) == (f"/{escape_pointer(escaped)}", "int")
        assert found.context == {"n": 2}

    @_each_its_own_saga
    @given(saga_id=saga_ids)
    async def test_any_printable_text_is_a_saga_s_id(
        self, storage: SnapshotStorage, saga_id: str
    ) -> None:
        saved = snapshot(saga_id, context={"id": saga_id})
        await storage.save_snapshot(saved)
        assert await storage.get_snapshot(saved.snapshot_id) is not None
        found = await storage.get_latest_snapshot(saga_id)
        assert found is not None
        assert (found.saga_id, found.context) == (saga_id, {"id": saga_id})
        page = await storage.list_sagas(prefix=saga_id, limit=1000)
        assert saga_id in [saga.saga_id for saga in page.sagas]


def _items(values: dict[str, Any]) -> Any:
    """A saga may be given back its keys in the order in which they first came."""
    return sorted(shape(values)[1])
