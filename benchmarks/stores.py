"""Builds the stores that are measured: many small sagas, and one with many checkpoints.

Everything goes through the library's own writer; only the groups that are committed together
are larger than those of a run, so that it takes minutes instead of hours.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import sagaz_core.storage
from sagaz_core.model import SagaSnapshot, Status, StepError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.capture import Capture, capture
from sagaz_core.storage.commits import Ticket
from sagaz_core.storage.error_groups import group_error
from sagaz_core.storage.storage import SnapshotStorage

BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
GOING: Final = 20
"""Sagas of each store that have not ended."""
RARE: Final = "the ledger of tenant 77 is closed"
"""What the error of ten sagas of each store says."""
RARE_SAGAS: Final = 10
RARE_NAME: Final = "AuditSaga"
RARE_PREFIX: Final = "audit_"
RARE_GROUP: Final = group_error("LedgerError", RARE)
LOOPING_SAGA: Final = "poll_1"
"""Its checkpoints are of the same eight steps again and again."""
LONG_SAGA: Final = "import_1"
"""Each of its checkpoints is of another step, and its state names all those completed before."""
STEPS: Final = ("reserve_inventory", "charge_payment", "ship_order", "send_receipt")
_NAMES: Final = ("OrderSaga", "RefundSaga", "SignupSaga", "TransferSaga")
_ERRORS: Final = (
    ("GatewayTimeout", "no answer after 30 s for order {}"),
    ("CardDeclined", "token expired for order {}"),
    ("OutOfStock", "sku {} is gone"),
    ("CarrierDown", "503 for parcel {}"),
)
_GROUP: Final = 2_000
_RNG: Final = random.Random(1)
_POOL: Final = "".join(random.Random(0).choices(string.ascii_letters + string.digits, k=1 << 20))


_DECIDES_THE_FORM: Final = (
    *("chain.py", "codec.py", "difference.py", "meta.py"),
    *("backends/sqlite/sql/*", "backends/sqlite/*.py"),
    *("backends/redis/lua/*", "backends/redis/*.py"),
)


def place_in(folder: Path) -> Path:
    """Return the part of a folder for stores of the form that this version writes.

    What is there of other forms is removed.
    """
    sources = Path(sagaz_core.storage.__file__).parent
    digest = hashlib.sha256()
    for pattern in _DECIDES_THE_FORM:
        for path in sorted(sources.glob(pattern)):
            digest.update(path.read_bytes())
    place = folder / f"stores-{digest.hexdigest()[:12]}"
    for other in folder.glob("stores-*"):
        if other != place:
            shutil.rmtree(other)
    place.mkdir(parents=True, exist_ok=True)
    return place


class _LargeGroups:
    """Takes a writer's appends as stored, and hands them to the backend many at a time."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._waiting: list[Append] = []

    def submit(self, append: Append) -> Ticket:
        ticket = Ticket(append)
        ticket.settle(Outcome("stored", append.saga.head))
        self._waiting.append(append)
        return ticket

    async def flush(self, above: int = 0) -> None:
        """Write what waits, if it is more than so many."""
        if len(self._waiting) <= above:
            return
        group, self._waiting = self._waiting, []
        refused = [each for each in await self._backend.append(group) if each.kind != "stored"]
        if refused:
            raise RuntimeError(
                f"a store refused {refused[0]}; if a build was cut off, delete its folder"
            )

    async def drain(self) -> None:
        await self.flush()


class Builder:
    """Writes sagas into a store.

    Args:
        storage: an empty store.
    """

    def __init__(self, storage: SnapshotStorage) -> None:
        self._storage = storage
        self._groups = _LargeGroups(storage.backend)
        storage._commits = self._groups  # type: ignore[assignment]

    async def sagas(self, count: int) -> None:
        """Write so many sagas: two thirds completed, one third failed, a few going on."""
        for number in range(count):
            await self._saga(number, count)
            await self._groups.flush(_GROUP)
        await self._groups.flush()

    async def _saga(self, number: int, count: int) -> None:
        rare = number % max(count // RARE_SAGAS, 1) == 0
        at = BEGAN + timedelta(seconds=number)
        name = RARE_NAME if rare else _NAMES[number % 7 % len(_NAMES)]
        status: Status = "failed" if rare or number % 3 == 0 else "completed"
        saga_id = f"{RARE_PREFIX if rare else 'order_'}{number:07}"
        going = number >= count - GOING
        kind, message = _ERRORS[number % 11 % len(_ERRORS)]
        if rare:
            kind, message = "LedgerError", RARE
        writer = self._storage.writer(
            saga_id=saga_id,
            saga_name=name,
            code=f"shop.sagas:{name}",
            tags={"order_id": str(number), "region": f"region-{number % 5}"},
            claim=True,
            owner="benchmark",
        )
        context = {"order_id": number, "amount": number % 900, "customer": _text(60)}
        begun = SagaSnapshot(
            saga_id=saga_id,
            saga_name=name,
            kind="before_step",
            step_name=STEPS[number % len(STEPS)],
            context=context,
            created_at=at,
        )
        await writer.append(capture(begun), release=False)
        if going:
            return
        failed = status == "failed"
        ended = SagaSnapshot(
            saga_id=saga_id,
            saga_name=name,
            kind="failed" if failed else "completed",
            status=status,
            step_name=STEPS[number % len(STEPS)],
            context={**context, "paid": not failed},
            error=StepError(kind, message.format(number), "") if failed else None,
            created_at=at + timedelta(milliseconds=300),
        )
        await writer.append(capture(ended), release=True)

    async def long_saga(self, saga_id: str, count: int) -> None:
        """Write one failed saga of so many checkpoints, its context of 50 KB."""
        writer = self._storage.writer(
            saga_id=saga_id, saga_name="ImportSaga", code="shop.sagas:ImportSaga"
        )
        steps = 8 if saga_id == LOOPING_SAGA else count
        before: Capture | None = None
        for snapshot in long_history(saga_id, count, steps):
            before = capture(snapshot, reuse=before)
            await writer.append(before)
            await self._groups.flush(_GROUP)
        await self._groups.flush()


def long_history(saga_id: str, count: int, steps: int) -> Iterator[SagaSnapshot]:
    """Yield the checkpoints of a saga that fails: each step changes one field of 50."""
    rng = random.Random(7)
    context: dict[str, object] = {f"field_{number:02}": _text(1000, rng) for number in range(50)}
    completed: list[str] = []
    error = StepError("CarrierDown", "503 for parcel 8841", "")
    for number in range(1, count + 1):
        step = f"import_{number % steps:06}"
        failing, undoing = number == count - 3, number > count - 3
        if len(completed) == steps:
            completed.clear()
        yield SagaSnapshot(
            saga_id=saga_id,
            saga_name="ImportSaga",
            kind="step_failed" if failing else "before_compensation" if undoing else "before_step",
            status="compensating" if undoing else "executing",
            step_name=completed[-1] if undoing and completed else step,
            step_index=number % steps,
            context=dict(context),
            completed_steps=completed,
            error=error if failing else None,
            attempts=3 if failing else 0,
            created_at=BEGAN + timedelta(seconds=number),
        )
        if failing or undoing:
            continue
        completed.append(step)
        field = f"field_{rng.randrange(50):02}"
        place = rng.randrange(900)
        old = str(context[field])
        context[field] = old[:place] + _text(100, rng) + old[place + 100 :]


def small_snapshot(saga_id: str, number: int) -> SagaSnapshot:
    """Return one of the checkpoints whose append is measured."""
    return SagaSnapshot(
        saga_id=saga_id,
        saga_name="Bench",
        kind="before_step",
        step_name=f"step_{number % 8}",
        context={"order_id": number, "customer": _text(60), "note": _text(400)},
    )


def _text(length: int, rng: random.Random = _RNG) -> str:
    start = rng.randrange(len(_POOL) - length)
    return _POOL[start : start + length]
