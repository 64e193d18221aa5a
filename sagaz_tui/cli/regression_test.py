"""A failed saga as a test that replays it: its recorded context, given to the saga's own code."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from sagaz_core.errors import SnapshotNotFoundError, UsageError
from sagaz_core.model import FORWARD_KINDS, SagaSnapshot, SagaSummary
from sagaz_core.saga.registry import known_sagas
from sagaz_core.storage.reader import StoreReader
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.settings import load_settings
from sagaz_tui.showing.python_source import IMPORTS, python_source

_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)

_TEST: Final = '''\
"""Replays a saga that failed, at the step that failed, from the state it had before that."""

import asyncio
import os
{imports}
from {module} import {name}

from sagaz_core import SagaReplay, SagaSnapshot
from sagaz_core.storage.backends import InMemorySnapshotStorage


def secret(path):
    """Return a secret that is not kept here: a stand-in from the environment."""
    return os.environ.get("TEST_SECRET" + path.replace("/", "_").upper(), "a secret")


def lost(path):
    """Return what stands for a value that could not be recorded."""
    return None


CONTEXT = {context}

RESULTS = {results}

COMPLETED = {completed}


async def replay():
    storage = InMemorySnapshotStorage()
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id={saga_id},
            saga_name={saga_name},
            kind="before_step",
            status="executing",
            step_name={step},
            context=CONTEXT,
            results=RESULTS,
            completed_steps=COMPLETED,
        )
    )
    return await SagaReplay({saga_id}, storage, saga_factory={name}).from_checkpoint({step})


def test_it_succeeds_from_where_it_failed():
    result = asyncio.run(replay())
    assert result.status == "success", result.error_message
'''


async def write_test(store: StoreReader, saga_id: str, path: Path) -> None:
    """Write a test for a saga that failed; only its owner can read it.

    Raises:
        SagaNotFoundError: there is no such saga.
        UsageError: it did not fail, its code is not known here, or the file is there already.
    """
    saga = await store.get_existing_saga(saga_id)
    if saga.status != "failed" or saga.step_name is None:
        raise UsageError(f"{saga_id} did not fail at a step, so there is nothing to replay")
    source = _source(saga, await _before(store, saga, saga.step_name), *_code_of(saga))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{str(path)!r} is there already; name another file") from None
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(source)


async def _before(store: StoreReader, saga: SagaSummary, step: str) -> SagaSnapshot:
    """Return the state before the step that failed."""
    for entry in await store.list_checkpoints(saga.saga_id, reverse=True):
        if entry.kind in FORWARD_KINDS:
            snapshot = await store.masked.get_checkpoint(saga.saga_id, entry.sequence)
            if step not in snapshot.completed_steps:
                return snapshot
    raise SnapshotNotFoundError(
        f"{saga.saga_id} has no checkpoint from before {step}, so its context is not known"
    )


def _code_of(saga: SagaSummary) -> tuple[str, str]:
    """Return module and name of what builds the saga: a factory, else its class.

    Both are out of what the settings name; what a store says of its code is never written into a
    program.
    """
    settings = load_settings()
    load_code(settings, saga.saga_name, None)
    factory = settings.factories.get(saga.saga_name)
    module, name = factory.split(":") if factory else _class_of(saga)
    if not (_NAME.fullmatch(module) and _NAME.fullmatch(name)) or "." in name:
        raise UsageError(f"{module}:{name} cannot be imported by a test; define it in a module")
    return module, name


def _class_of(saga: SagaSummary) -> tuple[str, str]:
    found = [each for each in known_sagas() if each.__name__ == saga.saga_name]
    exact = [each for each in found if f"{each.__module__}:{each.__qualname__}" == saga.code]
    chosen = exact or found
    if len(chosen) != 1 and not exact:
        raise UsageError(
            f"no saga {saga.saga_name} is known here; name its module under sagas in sagaz.toml"
        )
    return chosen[0].__module__, chosen[0].__qualname__


def _source(saga: SagaSummary, snapshot: SagaSnapshot, module: str, name: str) -> str:
    return _TEST.format(
        imports=IMPORTS,
        module=module,
        name=name,
        saga_id=ascii(saga.saga_id),
        saga_name=ascii(saga.saga_name),
        step=ascii(saga.step_name),
        context=python_source(snapshot.context),
        results=python_source(snapshot.results),
        completed=python_source(list(snapshot.completed_steps)),
    )
