"""The code of a batch's sagas: where it comes from, and what it is known by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sagaz_core.errors import SagazError, StorageError
from sagaz_core.replay.batch.items import BatchItem
from sagaz_core.replay.engine import EngineCode
from sagaz_core.replay.factory import (
    FACTORY_TIMEOUT,
    SagaFactory,
    build_saga,
    make_saga,
    resolve_class,
    saga_of_class,
)
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage

BatchFactory = SagaFactory | Mapping[str, SagaFactory] | None
"""One factory for all sagas, or by class; None: the recorded classes."""

_TRIES: Final = 3
"""So many sagas of a class are looked at for one of which the code can be had."""


@dataclass(frozen=True, slots=True)
class SagaCode:
    """The steps of a class, as it makes them for one saga."""

    saga_id: str
    steps: dict[str, str]
    """Each step's fingerprint."""


def factory_of(factory: BatchFactory, saga_name: str) -> SagaFactory | None:
    """Return the factory for the sagas of a class; None: the class itself."""
    return factory.get(saga_name) if isinstance(factory, Mapping) else factory


async def read_code(
    storage: SnapshotStorage,
    items: Sequence[BatchItem],
    factory: BatchFactory,
    like: Mapping[str, str] = {},
) -> dict[str, SagaCode]:
    """Return the code of each class; no action is called.

    A class that cannot be made is left out: none of its sagas can run.

    Args:
        storage: where the sagas are.
        items: the sagas.
        factory: where their code comes from.
        like: by class the saga for which it was made the time before.
    """
    samples: dict[str, list[BatchItem]] = {}
    for item in items:
        of_class = samples.setdefault(item.saga_name, [])
        if item.saga_id == like.get(item.saga_name) or (
            item.from_step is not None and len(of_class) < _TRIES
        ):
            of_class.append(item)
    found = await asyncio.gather(
        *(
            _code_of(storage, some, factory_of(factory, name), like.get(name))
            for name, some in samples.items()
        )
    )
    return {name: code for name, code in zip(samples, found, strict=True) if code is not None}


async def _code_of(
    storage: SnapshotStorage,
    samples: Sequence[BatchItem],
    factory: SagaFactory | None,
    like: str | None,
) -> SagaCode | None:
    """Make a class for ``like``, or else for another of its sagas."""
    # A class may have other steps for another context.
    for some in (
        [item for item in samples if item.saga_id == like],
        [item for item in samples if item.saga_id != like],
    ):
        code = await _first_made(storage, some, factory)
        if code is not None:
            return code
    return None


async def _first_made(
    storage: SnapshotStorage, samples: Sequence[BatchItem], factory: SagaFactory | None
) -> SagaCode | None:
    """Make it for all of them together, as a factory may hang for one; the first that is made."""
    tries = [asyncio.ensure_future(_steps_of(storage, item, factory)) for item in samples]
    pending = set(tries)
    try:
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for item, made in zip(samples, tries, strict=True):
                steps = made.result() if made.done() else None
                if steps is not None:
                    return SagaCode(item.saga_id, steps)
    finally:
        for made in pending:
            made.cancel()
    return None


async def _steps_of(
    storage: SnapshotStorage, item: BatchItem, factory: SagaFactory | None
) -> dict[str, str] | None:
    latest = await storage.get_latest_snapshot(item.saga_id)
    if latest is None:
        return None
    try:
        if factory is None:
            run = await storage.get_run(item.saga_id)
            saga_class = resolve_class(item.saga_name, run.code)
            saga: Saga | EngineCode = saga_of_class(saga_class, latest.context)
        else:
            saga = await make_saga(factory, latest.context, timeout=FACTORY_TIMEOUT)
        steps = await build_saga(saga, timeout=FACTORY_TIMEOUT)
    except StorageError:
        raise
    except SagazError:
        return None
    return {step.name: step.info.fingerprint for step in steps}
