"""What encrypting 3 of 20 fields costs: the same sagas recorded with and without it, in turns."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import Aim, Shape, text
from sagaz_core import ComplianceConfig
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage

AIM = 0.75
"""At least this share of the checkpoints a second without encryption."""
FIELDS = 20
SECRETS = ("field_0", "field_7", "field_14")
ROUNDS = 7

_CONFIG = ComplianceConfig(
    enable_encryption=True, sensitive_fields=SECRETS, encryption_key=b"\x07" * 32
)


def _start() -> dict[str, Any]:
    return {f"field_{number}": text(100) for number in range(FIELDS)}


def _change(ctx: Any, step: int) -> None:
    ctx[f"field_{step % FIELDS}"] = text(100)


SHAPE = Shape("3 of 20 fields encrypted", 40, 50, 1, _start, _change, Aim(AIM), Aim(AIM))

Record = Callable[[Shape, SnapshotStorage], Awaitable[float]]


def compare_encryption(record: Record, folder: Path | None) -> bool:
    """Measure both, print the medians and their ratio, return whether it is enough."""
    plain, encrypted = [], []
    for number in range(ROUNDS):
        pair = [(plain, None), (encrypted, _CONFIG)]
        for times, compliance in pair if number % 2 else pair[::-1]:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                random.seed(number)
                path = Path(place) / "sagaz.db"
                times.append(asyncio.run(_recorded(record, path, compliance)))
    count = SHAPE.sagas * (SHAPE.steps + 1)
    rates = [count / statistics.median(times) for times in (plain, encrypted)]
    share = rates[1] / rates[0]
    met = share >= AIM
    print(
        f"\n{'encryption on sqlite':<32} {'checkpoints a second':^22}\n"
        f"{'':<32} {'plain':>6} {'encr.':>6}\n"
        f"{SHAPE.name:<32} {rates[0]:>6,.0f} {rates[1]:>6,.0f} {share:>5.2f} x"
        f"{'':<46}>= {AIM:g} x{'':<21} {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


async def _recorded(record: Record, path: Path, compliance: ComplianceConfig | None) -> float:
    async with SQLiteSnapshotStorage(path, compliance=compliance) as storage:
        return await record(SHAPE, storage)
