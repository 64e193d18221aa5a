"""The edit line knows what the saga's class says of its context."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field, field_validator

from sagaz_core.saga.context import StepContext
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.edits.context_model import ContextModel, find_model
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.edit_line import EditLine
from tests.screen.looking import press, until, until_painted


class LoanContext(BaseModel):
    """What a loan's context has to look like."""

    amount: int
    rate_code: str = "fixed"
    remark: str = Field(default="", alias="rateRemark")

    @field_validator("amount")
    @classmethod
    def not_too_much(cls, amount: int) -> int:
        if amount > 1_000:
            raise ValueError("no loan is above 1000")
        return amount


class ModelledLoan(Saga):
    """Pays out, and fails."""

    context_model = LoanContext

    async def build(self) -> None:
        await self.add_step("pay_out", self.pay_out)

    async def pay_out(self, ctx: StepContext) -> None:
        raise ConnectionError("the bank does not answer")


async def test_a_saga_s_model_is_found_by_what_was_recorded() -> None:
    model = await find_model(Settings(), "ModelledLoan", "")
    assert model is not None
    assert model.fields == ("amount", "rate_code", "rateRemark")


async def test_code_that_cannot_be_had_has_no_model() -> None:
    settings = Settings(sagas=("no_such_module",), sources={"sagas": "the test"})
    assert await find_model(Settings(), "NobodysSaga", "") is None
    assert await find_model(settings, "ModelledLoan", "") is None


async def test_the_model_objects_to_the_edited_place_alone() -> None:
    model = ContextModel(LoanContext)
    context = {"amount": 5_000, "rate_code": 3}
    assert "no loan is above 1000" in await model.objection(context, [], "/amount")
    assert await model.objection(context, [("/amount", 10)], "/amount") == ""
    assert "rate_code" in await model.objection(context, [("/amount", 10)], "/rate_code")


async def test_an_edit_is_completed_and_checked_by_the_model_as_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with InMemorySnapshotStorage() as storage:
        await ModelledLoan({"amount": 70}, saga_id="loan_1", snapshot_storage=storage).execute()
        app = SagazApp(storage, Settings(), "loan_1", ascii=False)
        async with app.run_test(size=(100, 24)) as pilot:
            await until_painted(pilot, "pay_out failed")
            press(pilot, "e", "r")
            await until_painted(pilot, "rateRemark  rate_code")
            press(pilot, "a", "t", "e", "_", "tab")
            entry = app.screen.query_one(EditInput)
            await until(pilot, lambda: entry.value == "rate_code=", "a field nobody recorded")
            entry.value = "amount=7000"
            await until_painted(pilot, "LoanContext refuses /amount", "no loan is above 1000")
            entry.value = "amount=700"
            await until_painted(pilot, "70 → 700   as int")
            press(pilot, "enter")
            await until(pilot, lambda: app.screen.query_one(EditLine).edits, "staged")
