"""Records the demo: a few hundred orders by the real engine, and five worth a closer look."""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sagaz_core.errors import StorageUnavailableError, UsageError
from sagaz_core.model import utc_now
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.demo.earlier import EarlierBackend
from sagaz_tui.demo.ledger import LEDGER_FILE, Ledger
from sagaz_tui.demo.sagas import RECORDED, ImportSaga, OrderSaga, QuoteSaga

STORE_FILE: Final = "orders.db"
FAILED_ORDER: Final = "order_8841"
"""The newest failure: its payment token has expired, and it rolled back."""
COMPLETED_ORDER: Final = "order_8830"
STUCK_ORDER: Final = "order_8836"
"""Its compensation failed: the customer was charged and nothing was shipped."""
QUOTE: Final = "quote_0311"
"""Parallel branches."""
IMPORT: Final = "import_2024_w50"
"""Sixty steps."""

_MANY: Final = 400
_FIRST: Final = 8420
_AT_ONCE: Final = 40
_SETTINGS: Final = f"""\
# The demo's settings: where its recordings are, and which module defines its sagas.
storage_url = "sqlite:///{STORE_FILE}"
sagas = ["sagaz_tui.demo.sagas"]
"""
_GOODS: Final = (
    ("KB-104", "Keyboard, ISO", Decimal("89.90")),
    ("MS-220", "Mouse, left-handed", Decimal("39.50")),
    ("CB-003", "USB-C cable, 2 m", Decimal("9.99")),
    ("DK-771", "Docking station", Decimal("189.00")),
)


def prepare_folder(folder: Path | None) -> Path:
    """Make the folder to record into, by default a scratch one, and put the settings there.

    Raises:
        UsageError: it cannot be made, or already holds a demo.
    """
    try:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="sagaz-demo-"))
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        taken = [
            name for name in (STORE_FILE, LEDGER_FILE, "sagaz.toml") if (folder / name).exists()
        ]
        if taken:
            raise UsageError(f"{folder} already holds {', '.join(taken)}; name another folder")
        (folder / "sagaz.toml").write_text(_SETTINGS, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot make the demo in {folder}: {error.strerror}; name another folder with --dir"
        ) from error
    return folder


def record_demo(folder: Path) -> None:
    """Run and record all of the demo's sagas into ``folder``; takes a few seconds.

    Raises:
        StorageUnavailableError: the folder does not take it.
    """
    ledger = Ledger(folder / LEDGER_FILE)
    # The engine warns of the compensation that fails; here that is part of the show.
    log = logging.getLogger("sagaz")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        asyncio.run(_record(folder / STORE_FILE, ledger))
    finally:
        log.setLevel(level)


async def _record(path: Path, ledger: Ledger) -> None:
    orders = _many_orders()
    ages = {order.order_id: order.age for order in orders}
    async with SnapshotStorage(EarlierBackend(path, ages)) as store:
        await _run_some_at_once(
            _saga(OrderSaga, order.order_id, order.context, store, ledger) for order in orders
        )
        for saga in _special_sagas(store, ledger):
            await _run(saga)


async def _run(saga: Saga) -> None:
    result = await saga.execute()
    if result.capture_errors:
        raise StorageUnavailableError(
            f"the demo's saga {saga.saga_id} could not be recorded; see whether the disk is full, "
            "or name another folder with --dir"
        )


async def _run_some_at_once(sagas: Iterator[Saga]) -> None:
    async def work() -> None:
        for saga in sagas:
            await _run(saga)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


@dataclass(frozen=True, slots=True)
class _PastOrder:
    order_id: str
    age: timedelta
    context: dict[str, Any]


def _many_orders() -> list[_PastOrder]:
    """Return six hours of orders, with an outage of the gateway in the last two."""
    chance = random.Random(8841)
    ages = sorted(
        (
            _outage_age(chance) if number % 5 else chance.uniform(120, 360)
            for number in range(_MANY)
        ),
        reverse=True,
    )
    return [_past_order(_FIRST + number, age, chance) for number, age in enumerate(ages)]


def _outage_age(chance: random.Random) -> float:
    return min(max(chance.gauss(45, 25), 3), 120)


def _past_order(number: int, minutes: float, chance: random.Random) -> _PastOrder:
    order_id, age = f"order_{number}", timedelta(minutes=minutes)
    usual = ["tok_visa"] * 6 + ["tok_expired"] * 2
    token = chance.choice(["tok_slow"] * 16 + usual if minutes < 120 else usual)
    scarce = token == "tok_visa" and chance.random() < 0.3
    context = _order(order_id, chance, token=token, in_stock=0 if scarce else 40, age=age)
    return _PastOrder(order_id, age, context)


def _special_sagas(store: SnapshotStorage, ledger: Ledger) -> Iterable[Saga]:
    chance = random.Random(30)
    completed = _order(COMPLETED_ORDER, chance, token="tok_visa")
    yield _saga(OrderSaga, COMPLETED_ORDER, completed, store, ledger)
    yield ImportSaga(
        {
            "source": "catalogue",
            "cursor": None,
            "rows": 0,
            "phase": "products",
            "skipped": [],
            "exchange_rate": Decimal("1.0750"),
        },
        saga_id=IMPORT,
        config=RECORDED,
        snapshot_storage=store,
    )
    quote = {
        "order_id": QUOTE,
        "customer": {"name": "Färberei Süd", "since": utc_now().date() - timedelta(days=900)},
        "qty": 240,
        "amount": Decimal("21576.00"),
        "placed_at": utc_now(),
    }
    yield _saga(QuoteSaga, QUOTE, quote, store, ledger)
    stuck = _order(STUCK_ORDER, chance, token="tok_visa")
    stuck |= {"carrier": "storm_express", "refunds_blocked": True}
    yield _saga(OrderSaga, STUCK_ORDER, stuck, store, ledger)
    failed = _order(FAILED_ORDER, chance, token="tok_expired")
    yield _saga(OrderSaga, FAILED_ORDER, failed, store, ledger)


def _saga(
    saga_class: type[OrderSaga | QuoteSaga],
    saga_id: str,
    context: dict[str, Any],
    store: SnapshotStorage,
    ledger: Ledger,
) -> Saga:
    return saga_class(
        context,
        saga_id=saga_id,
        config=RECORDED,
        snapshot_storage=store,
        ledger=ledger,
        tags={"channel": "web"},
    )


def _order(
    order_id: str,
    chance: random.Random,
    *,
    token: str,
    in_stock: int = 40,
    age: timedelta = timedelta(),
) -> dict[str, Any]:
    lines: list[dict[str, Any]] = [
        {
            "sku": sku,
            "title": title,
            "qty": chance.randint(1, 3),
            "price": price,
            "in_stock": in_stock,
        }
        for sku, title, price in chance.sample(_GOODS, k=chance.randint(1, 3))
    ]
    amount = sum((line["price"] * line["qty"] for line in lines), Decimal(0))
    return {
        "order_id": order_id,
        "placed_at": utc_now() - age - timedelta(minutes=chance.randint(1, 30)),
        "customer": {"id": f"cus_{chance.randint(1000, 9999)}", "vip": chance.random() < 0.1},
        "cart": {"currency": "EUR", "lines": lines},
        "parcel_cm": (30, 20, 12),
        "amount": amount,
        "payment_token": token,
    }
