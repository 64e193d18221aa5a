"""Whether a store can be used right now, for a service's health endpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sagaz_core.errors import StorageError

if TYPE_CHECKING:
    from sagaz_core.storage.reader import StoreReader

_SLOW_SECONDS: Final = 1.0
_NO_SAGA: Final = "no saga"
"""Asked for to see whether the store answers; whether there is one does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """Whether a store answers, and how much it holds."""

    status: Literal["ok", "degraded", "unavailable"]
    """``degraded``: it answers, but slowly, or it cannot say what it holds."""
    message: str
    latency: float | None = None
    """Seconds that one small question took; None: no answer."""
    sagas: int | None = None
    checkpoints: int | None = None
    bytes: int | None = None


async def check_health(store: StoreReader, timeout: float) -> HealthReport:
    """Ask a store one small question, and how much it holds.

    Args:
        store: opened if it is not.
        timeout: seconds after which it counts as unavailable.
    """
    latency: float | None = None
    try:
        async with asyncio.timeout(timeout):
            await store.open()
            began = time.perf_counter()
            await store.backend.saga(_NO_SAGA)
            latency = time.perf_counter() - began
            info = await store.backend.info()
    except (StorageError, TimeoutError) as error:
        what = str(error) or f"{store.name} has not answered within {timeout:g} s"
        status: Literal["degraded", "unavailable"] = (
            "unavailable" if latency is None else "degraded"
        )
        return HealthReport(status=status, message=what, latency=latency)
    message = f"{store.name} answers"
    if latency > _SLOW_SECONDS:
        message = f"{store.name} takes {latency:.1f} s to answer"
    return HealthReport(
        status="degraded" if latency > _SLOW_SECONDS else "ok",
        message=message,
        latency=latency,
        sagas=info.sagas,
        checkpoints=info.entries,
        bytes=info.bytes,
    )
