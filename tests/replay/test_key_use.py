"""A plan tells of each override which steps of the original had to do with its key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sagaz_core.model import PlannedOverride, PlannedStep, RunInfo, StepInfo, StepRecord
from sagaz_core.replay.effects import FamilyEffects
from sagaz_core.replay.key_use import add_use
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.storage import SnapshotStorage

NEVER = "no later step of the original ever read or set it"


class Bill(Saga):
    """Numbers, prices, then sends, which fails; archiving is never reached."""

    async def build(self) -> None:
        await self.add_step("number", self.number, self.withdraw)
        await self.add_step("price", self.price)
        await self.add_step("send", self.send)
        await self.add_step("archive", self.archive)

    async def number(self, ctx: StepContext) -> None:
        ctx["label"] = f"{ctx['series']}-1"

    async def withdraw(self, result: Any, ctx: StepContext) -> None:
        pass

    async def price(self, ctx: StepContext) -> None:
        ctx["total"] = sum(item["price"] for item in ctx["items"])

    async def send(self, ctx: StepContext) -> None:
        if "@" not in ctx["to"]:
            raise ValueError(f"{ctx['total']} to nobody")

    async def archive(self, ctx: StepContext) -> None:
        assert ctx["folder"]


async def overrides(storage: SnapshotStorage, step: str, **how: Any) -> dict[str, PlannedOverride]:
    saga = Bill(
        {"series": "A", "items": [{"price": 3}], "to": "nobody", "folder": "2026", "old": 1},
        saga_id="inv_1",
        snapshot_storage=storage,
    )
    await saga.execute()
    replay = SagaReplay("inv_1", storage)
    result = await replay.from_checkpoint(step, dry_run=True, **how)
    assert result.plan is not None
    assert result.plan.valid, result.plan.problems
    return {change.path: change for change in result.plan.overrides}


async def test_an_override_names_the_steps_that_read_and_set_its_key(
    storage: SnapshotStorage,
) -> None:
    found = await overrides(
        storage,
        "price",
        context_override={"to": "a@b", "total": 9},
        override_at={"/items/0/price": 4},
    )
    used = {path: (change.read_by, change.set_by, change.note) for path, change in found.items()}
    assert used == {
        "/to": (("send",), (), ""),
        "/total": (("send",), ("price",), ""),
        "/items/0/price": (("price",), (), ""),
    }


@pytest.mark.parametrize("key", ["old", "folder", "brand_new"])
async def test_an_override_of_a_key_that_nobody_looked_at_says_so_and_who_did_not_run(
    storage: SnapshotStorage, key: str
) -> None:
    how: dict[str, Any] = {"context_override": {key: 5}, "allow_type": [key]}
    change = (await overrides(storage, "send", **how))[f"/{key}"]
    assert (change.read_by, change.set_by) == ((), ())
    assert change.note == f"{NEVER}; there send did not complete and archive did not run"


async def test_a_step_that_is_restored_does_not_count_and_one_that_runs_again_does(
    storage: SnapshotStorage,
) -> None:
    # Numbering was undone since, so it runs again and reads the series anew.
    change = {"context_override": {"series": "B", "items": []}}
    found = await overrides(storage, "send", **change)
    assert found["/series"].read_by == ("number",)
    assert found["/items"].note.startswith(NEVER)
    result = await SagaReplay("inv_1", storage).from_checkpoint(
        "send", dry_run=True, compensated="keep", **change
    )
    assert result.plan is not None
    assert [each.note.startswith(NEVER) for each in result.plan.overrides] == [True, True]


RUN = RunInfo(steps=(StepInfo("send"),))
SEND = ("inv_1", "send")
OTHER = StepRecord("send", "completed", keys_read=("other",))
FAILED = StepRecord("send", "failed")


@pytest.mark.parametrize(
    ("run", "effects", "note"),
    [
        (RUN, FamilyEffects(records={SEND: OTHER}), NEVER),
        (RUN, FamilyEffects(records={SEND: FAILED}), f"{NEVER}; there send did not complete"),
        (RUN, FamilyEffects(), ""),
        (RUN, FamilyEffects(uncertain={SEND}), ""),
        (RUN, FamilyEffects(standing={("inv_1", "post")}, records={SEND: OTHER}), ""),
        (RunInfo(), FamilyEffects(records={SEND: OTHER}), ""),
    ],
    ids=["known", "failed", "nothing ran", "cut short", "one record is lost", "another engine"],
)
def test_nothing_is_claimed_of_what_was_not_recorded(
    run: RunInfo, effects: FamilyEffects, note: str
) -> None:
    steps = [PlannedStep(name=name, fate="runs") for name in ("send", "post")]
    if ("inv_1", "post") not in effects.standing:
        steps = steps[:1]
    override = PlannedOverride(path="/to", before="a", after="b")
    (told,) = add_use([override], steps, saga_id="inv_1", run=run, effects=effects)
    assert told == replace(override, note=note)
