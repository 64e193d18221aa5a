"""Where in a checkpoint values are encrypted, which is told without any key."""

from __future__ import annotations

from typing import Any

from sagaz_core.compliance.replacing import Path, replace_inside
from sagaz_core.model import Masked
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.decoding import read_checkpoint
from sagaz_core.storage.unsealing import StateOpener


async def encrypted_places(backend: Backend, saga_id: str, sequence: int) -> list[Path]:
    """Return where in a checkpoint values are encrypted; no key is needed for that."""

    async def masks_those(row: SagaRow) -> StateOpener:
        return StateOpener(row.saga_id, None, None, None, masks=True)

    found = await read_checkpoint(backend, saga_id, sequence, openers=masks_those)
    places: list[Path] = []

    def note(part: Any, path: Path) -> Any:
        if isinstance(part, Masked):
            places.append(path)
        return part

    for values in (found.context, found.results) if found else ():
        replace_inside(values, (), note)
    return places
