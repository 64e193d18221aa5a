"""Plans: every problem is found and named, and finding them changes nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from sagaz_core.errors import UsageError
from sagaz_core.model import ReplayPlan, SagaSnapshot
from sagaz_core.replay.overrides import parse_override
from sagaz_core.replay.plan_data import plan_data
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.shop import Ledger, Shop, order, run_order


async def plan(storage: SnapshotStorage, step: str = "charge", **how: Any) -> ReplayPlan:
    result = await SagaReplay("order_1", storage).from_checkpoint(step, dry_run=True, **how)
    assert result.plan is not None
    assert result.status == ("valid" if result.plan.valid else "invalid")
    return result.plan


def found(planned: ReplayPlan) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.path) for problem in planned.problems]


# ---------------------------------------------------------------- overrides

DEEP: list[Any] = []
for _ in range(20_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"context_override": {"amount": 99.9}}, ("override_type", "/amount")),
        ({"context_override": {"cart": {}}}, ("override_type", "/cart")),
        ({"override_at": {"/cart/0/qty": "2"}}, ("override_type", "/cart/0/qty")),
        ({"override_at": {"/cart/9/qty": 2}}, ("override_path", "/cart/9/qty")),
        ({"override_at": {"/basket/0": 2}}, ("override_path", "/basket/0")),
        ({"override_at": {"amount": 2}}, ("override_path", "amount")),
        ({"unset": ["lock"]}, ("override_path", "/lock")),
        ({"context_override": {7: 1}}, ("override_path", None)),
        ({"context_override": {"extra": {"a": [print]}}}, ("override_not_storable", "/extra/a/0")),
        ({"context_override": {"extra": DEEP}}, ("override_not_storable", "/extra")),
        ({"context_override": {"extra": "x" * 17_000_000}}, ("override_not_storable", "/extra")),
        ({"context_override": {"reserve": {}}}, ("step_is_no_context_key", "/reserve")),
        ({"override_at": {"/reserve/price": 1}}, ("step_is_no_context_key", "/reserve/price")),
        (
            {"overrides": [parse_override("cart:=" + "[" * 20_000 + "]" * 20_000)]},
            ("override_unreadable", "/cart"),
        ),
        ({"overrides": [parse_override("amount:=NaN")]}, ("override_unreadable", "/amount")),
        ({"overrides": [parse_override("cart:=tok")]}, ("override_unreadable", "/cart")),
        ({"overrides": [parse_override("amount=much")]}, ("override_type", "/amount")),
    ],
)
async def test_an_override_that_does_not_fit_is_named_by_its_place(
    storage: SnapshotStorage, how: dict[str, Any], problem: tuple[str, str | None]
) -> None:
    await run_order(storage)
    planned = await plan(storage, **how)
    assert found(planned) == [problem]
    assert planned.problems[0].message


async def test_an_open_socket_is_no_value(storage: SnapshotStorage) -> None:
    await run_order(storage)
    with closing(socket.socket()) as opened:
        planned = await plan(storage, context_override={"conn": opened})
    assert found(planned) == [("override_not_storable", "/conn")]


async def test_every_problem_is_found_at_once(storage: SnapshotStorage) -> None:
    await run_order(storage)
    planned = await plan(
        storage,
        context_override={"amount": 1.0, "payment_token": "tok_new"},
        override_at={"/cart/9": 1},
        unset=["lock"],
        compensated="refuse",
        saga_factory=lambda context: "no saga",
    )
    assert [problem.code for problem in planned.problems] == [
        "override_type",
        "override_path",
        "override_path",
        "factory_failed",
        "undone_refused",
    ]


@pytest.mark.parametrize(
    "how",
    [
        {"context_override": {"amount": 1.5}, "allow_type": ["/amount"]},
        {"context_override": {"amount": 1.5}, "allow_type": ["amount"]},
        {"override_at": {"/cart/0/qty": "2"}, "allow_type": ["/cart"]},
        {"context_override": {"amount": None}},
        {"context_override": {"new": {"deep": [Decimal(1), (2, {3})]}}},
        {"context_override": {"payment/token": "literal"}},
        {"unset": ["payment_token", "/cart/0"]},
        {"overrides": [parse_override("amount=12.5"), parse_override("/cart/0/qty:=3")]},
    ],
)
async def test_an_override_that_fits_leaves_the_plan_valid(
    storage: SnapshotStorage, how: dict[str, Any]
) -> None:
    await run_order(storage)
    assert found(await plan(storage, **how)) == []


async def test_texts_are_read_as_what_was_recorded_at_the_start(storage: SnapshotStorage) -> None:
    await run_order(storage)
    texts = ["amount=12.50", "address:={}", "/address/city=Ulm", "payment_token=tok_new"]
    planned = await plan(storage, overrides=[parse_override(text) for text in texts])
    assert [(change.path, change.after) for change in planned.overrides] == [
        ("/amount", Decimal("12.50")),
        ("/address", {}),
        ("/address/city", "Ulm"),
        ("/payment_token", "tok_new"),
    ]


async def test_a_value_that_was_never_recorded_is_noted_until_it_is_given(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage, context=order(conn=print))
    assert any("/conn was not recorded" in note for note in (await plan(storage)).notes)
    given = await plan(storage, context_override={"conn": "pool-1"})
    assert (given.valid, given.notes) == (True, ())


# ---------------------------------------------------------------- the context's model


class OrderModel(BaseModel):
    amount: Decimal
    payment_token: str
    cart: list[dict[str, Any]]

    @field_validator("amount")
    @classmethod
    def must_be_positive(cls, value: Decimal) -> Decimal:
        if value <= 0:
            raise ValueError("an order costs something")
        return value


class Modelled(Shop):
    context_model = OrderModel


async def test_what_the_contexts_model_refuses_is_named_by_its_place(
    storage: SnapshotStorage,
) -> None:
    await run_order(storage, saga_class=Modelled)
    assert (await plan(storage)).valid
    planned = await plan(storage, context_override={"amount": Decimal(-1)}, unset=["cart"])
    assert found(planned) == [("model_refused", "/amount"), ("model_refused", "/cart")]
    assert "an order costs something" in planned.problems[0].message


# ---------------------------------------------------------------- the code


class Shorter(Saga):
    async def build(self) -> None:
        await self.add_step("reserve", nothing)
        await self.add_step("ship", nothing)


class Turned(Saga):
    async def build(self) -> None:
        for name in ("charge", "reserve", "ship"):
            await self.add_step(name, nothing)


class Longer(Saga):
    async def build(self) -> None:
        for name in ("reserve", "weigh", "charge", "ship", "thank"):
            await self.add_step(name, nothing)


class Earlier(Saga):
    async def build(self) -> None:
        for name in ("greet", "reserve", "charge", "ship"):
            await self.add_step(name, nothing)


class Empty(Saga):
    pass


async def nothing(ctx: StepContext) -> None:
    return None


@pytest.mark.parametrize(
    ("saga_class", "codes"),
    [
        (Shorter, ["step_missing"]),
        (Turned, ["step_order"]),
        (Longer, []),
        (Earlier, ["step_order"]),
        (Empty, ["definition"]),
    ],
)
async def test_a_saga_with_other_steps_is_compared_with_the_recorded_ones(
    storage: SnapshotStorage, saga_class: type[Saga], codes: list[str]
) -> None:
    await run_order(storage)
    planned = await plan(storage, saga_factory=saga_class)
    assert [problem.code for problem in planned.problems] == codes


async def test_another_engines_saga_needs_a_factory(storage: SnapshotStorage) -> None:
    await storage.save_snapshot(
        SagaSnapshot(
            saga_id="order_1",
            saga_name="NobodysSaga",
            kind="before_step",
            step_name="charge",
            context=order(payment_token="tok_new"),
            completed_steps=["reserve"],
            results={"reserve": {"reservation": "rsv-9"}},
        )
    )
    planned = await plan(storage)
    assert [problem.code for problem in planned.problems] == ["class_unknown"]
    result = await SagaReplay("order_1", storage).from_checkpoint("charge", saga_factory=Shop)
    assert result.status == "success"
    assert result.plan is not None
    assert [step.fate for step in result.plan.steps] == ["restored", "in_doubt", "runs"]


# ---------------------------------------------------------------- looking


async def test_a_dry_run_calls_no_action_and_changes_no_row(tmp_path: Path, ledger: Ledger) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await run_order(storage)
        before, done = rows(path), list(ledger.entries)
        for _ in range(2):
            await plan(storage, context_override={"payment_token": "tok_new"})
            await plan(storage, override_at={"/nowhere/0": 1})
        assert rows(path) == before
        assert ledger.entries == done


async def test_a_replay_changes_no_row_of_its_original(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await run_order(storage)
        before = rows(path)
        await SagaReplay("order_1", storage).from_checkpoint(
            "charge", context_override={"payment_token": "tok_new"}
        )
    after = rows(path)
    for table, kept in before.items():
        if table not in ("family", "sqlite_sequence"):
            assert kept <= after[table], table


def rows(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        return {table: set(db.execute(f"SELECT * FROM {table}")) for table in tables}


async def test_a_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await run_order(storage)
        here = await plan(storage, context_override={"tags": {"a", "b", "c", "d"}})
    program = (
        "import asyncio, sys\n"
        "from sagaz_core import SagaReplay, open_storage\n"
        "from tests.replay import test_plan\n"
        "async def main():\n"
        "    async with open_storage('sqlite:///' + sys.argv[1], read_only=True) as storage:\n"
        "        planned = await test_plan.plan(\n"
        "            storage, context_override={'tags': {'d', 'c', 'b', 'a'}})\n"
        "        print(planned.digest)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == here.digest


async def test_a_plan_can_be_written_as_plain_data(storage: SnapshotStorage) -> None:
    await run_order(storage)
    planned = await plan(storage, context_override={"payment_token": "tok_new", "retry": 2})
    data = plan_data(planned)
    assert json.loads(json.dumps(data)) == data
    assert data["valid"] is True
    assert data["overrides"] == [
        {
            "path": "/payment_token",
            "before": "tok_old",
            "after": "tok_new",
            "read_by": ["charge"],
            "set_by": [],
            "note": "",
        },
        {
            "path": "/retry",
            "after": 2,
            "read_by": [],
            "set_by": [],
            "note": "no later step of the original ever read or set it; "
            "there charge did not complete and ship did not run",
        },
    ]
    charge = data["steps"][1]
    assert charge.pop("duration") > 0
    assert len(charge.pop("fingerprint")) == 16
    assert charge == {
        "name": "charge",
        "fate": "runs",
        "undone_by": None,
        "note": "",
        "compensation": "refund",
        "idempotent": False,
        "attempts": 1,
        "was_running": False,
        "drift": None,
    }


@pytest.mark.parametrize("how", [{"compensated": "undo"}, {"in_doubt": "maybe"}])
async def test_a_choice_there_is_not_is_refused(
    storage: SnapshotStorage, how: dict[str, str]
) -> None:
    await run_order(storage)
    with pytest.raises(UsageError, match="use one of"):
        await plan(storage, **how)
