"""Whatever a run says of itself, in its errors, its log or a plan, it says without secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from sagaz_core import ComplianceConfig, Saga, SagaReplay
from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.model import ReplayResult
from sagaz_core.replay.overrides import Override
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage

CARD, TRIED = "4111-1111-1111-1111", "tok_of_the_attempt"


class PickyModel(BaseModel):
    card: str

    @field_validator("card")
    @classmethod
    def _no_fives(cls, card: str) -> str:
        if card.startswith("5"):
            raise ValueError(f"card {card} is not taken")
        return card


class TellingOrder(Saga):
    """Says its secrets wherever a saga can say something."""

    context_model = PickyModel

    async def build(self) -> None:
        await self.add_step("reserve", self._reserve, self._release, simulate=self._no_reserving)
        await self.add_step("charge", self._charge, max_retries=1, retry_backoff=0.0)

    async def _reserve(self, ctx: StepContext) -> int:
        return 2

    def _no_reserving(self, ctx: Mapping[str, Any]) -> int:
        raise RuntimeError(f"card {ctx['card']} cannot be walked with")

    async def _release(self, result: int, ctx: StepContext) -> None:
        ctx["token"] = "tok_of_the_undoing"
        raise RuntimeError(f"card {ctx['card']} with {ctx['token']} is not given back")

    async def _charge(self, ctx: StepContext) -> None:
        ctx["token"] = f"{TRIED}_{ctx.attempt}"
        raise RuntimeError(f"{ctx['token']} declined")


def secrets() -> ComplianceConfig:
    return ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card", "token"], encryption_key=b"k" * 32
    )


@pytest.mark.parametrize("strategy", ["before_each_step", "on_failure", "on_completion"])
async def test_what_a_failed_attempt_had_set_is_in_no_error_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, strategy: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=secrets()) as storage:
        saga = TellingOrder(
            {"card": CARD},
            saga_id="told",
            snapshot_storage=storage,
            config=SagaConfig(
                replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy)
            ),
        )
        result = await saga.execute()
        assert (result.status, result.compensation) == ("failed", "failed")
        assert (await storage.verify_saga("told")).status == "verified"
        told = [str(each) for each in await storage.list_checkpoints("told")]
        told += [str(each.step_records) async for each in storage.masked.iter_checkpoints("told")]
    told += [caplog.text, *(str(file.read_bytes()) for file in tmp_path.iterdir())]
    assert "could not be undone" in caplog.text
    assert "declined" in "".join(told)
    for secret in (CARD, TRIED, "tok_of_the_undoing"):
        assert not any(secret in each for each in told)


async def replayed(**how: Any) -> ReplayResult:
    storage = InMemorySnapshotStorage(compliance=secrets())
    await TellingOrder({"card": CARD}, saga_id="told", snapshot_storage=storage).execute()
    return await SagaReplay("told", storage).from_checkpoint(**how)


async def test_a_model_that_repeats_what_it_refuses_does_not_tell_it() -> None:
    result = await replayed(step_name="charge", context_override={"card": "5555-44"}, dry_run=True)
    assert result.status == "invalid"
    assert result.error_message is not None
    assert "is not taken" in result.error_message
    assert "5555-44" not in str(result)


async def test_an_override_that_cannot_be_read_is_not_repeated() -> None:
    override = Override("/card", ":=", "4222-2222")
    result = await replayed(step_name="charge", overrides=[override], dry_run=True)
    assert result.status == "invalid"
    assert "4222-2222" not in str(result)


async def test_a_rehearsal_that_stops_does_not_tell_why_in_secrets() -> None:
    result = await replayed(step_name="reserve", simulate=True)
    assert result.status == "failed"
    assert result.error_message is not None
    assert "cannot be walked with" in result.error_message
    assert CARD not in str(result)
