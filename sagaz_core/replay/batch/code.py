"""The code of a batch's sagas: where it comes from, and what it is known by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sagaz_core.errors import SagazError, StorageError
from sagaz_core.replay.batch.items import BatchItem
from sagaz_core.replay.factory import (
    SagaFactory,
    build_saga,
    class_factory,
    make_saga,
    resolve_class,
)
from sagaz_core.storage.storage import SnapshotStorage

BatchFactory = SagaFactory | Mapping[str, SagaFactory] | None
"""One factory for all sagas, or by class; None: the recorded classes."""

_TRIES: Final = 3
"""So many sagas of a class are looked at for one of which the code can be had."""


def factory_of(factory: BatchFactory, saga_name: str) -> SagaFactory | None:
    """Return the factory for the sagas of a class; None: the class itself."""
    return factory.get(saga_name) if isinstance(factory, Mapping) else factory


async def read_code(
    storage: SnapshotStorage, items: Sequence[BatchItem], factory: BatchFactory
) -> dict[str, dict[str, str]]:
    """Return by class its steps with their fingerprints; no action is called.

    A class that cannot be made is left out: none of its sagas can run.
    """
    code: dict[str, dict[str, str]] = {}
    tries: dict[str, int] = {}
    for item in items:
        name = item.saga_name
        if item.from_step is None or name in code or tries.get(name, 0) == _TRIES:
            continue
        tries[name] = tries.get(name, 0) + 1
        steps = await _steps_of(storage, item, factory_of(factory, name))
        if steps is not None:
            code[name] = steps
    return code


async def _steps_of(
    storage: SnapshotStorage, item: BatchItem, factory: SagaFactory | None
) -> dict[str, str] | None:
    latest = await storage.get_latest_snapshot(item.saga_id)
    if latest is None:
        return None
    try:
        if factory is None:
            run = await storage.get_run(item.saga_id)
            factory = class_factory(resolve_class(item.saga_name, run.code))
        steps = await build_saga(await make_saga(factory, latest.context))
    except StorageError:
        raise
    except SagazError:
        return None
    return {step.name: step.info.fingerprint for step in steps}
