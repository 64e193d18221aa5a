"""A replay of a saga with secrets has them in hand, and leaves them as secret as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from sagaz_core import ComplianceConfig, Saga, SagaReplay
from sagaz_core.errors import DecryptionError
from sagaz_core.model import Masked
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import SQLiteSnapshotStorage

OLD, NEW, TOKEN = "4111-1111-1111-1111", "4222-2222-2222-2222", "tok_of_reserving"


class SecretiveOrder(Saga):
    """Charges a card that is a secret, and says its number in its error."""

    charged: ClassVar[list[tuple[str, str]]] = []

    async def build(self) -> None:
        await self.add_step("reserve", self._reserve, self._release)
        await self.add_step("charge", self._charge)

    async def _reserve(self, ctx: StepContext) -> dict[str, Any]:
        return {"token": TOKEN, "qty": 2}

    async def _release(self, result: dict[str, Any], ctx: StepContext) -> None:
        assert result["token"] == TOKEN

    async def _charge(self, ctx: StepContext) -> str:
        if ctx["card"] == OLD:
            raise RuntimeError(f"card {ctx['card']} declined, token {ctx['reserve']['token']}")
        self.charged.append((ctx["card"], ctx["reserve"]["token"]))
        return "paid"


def secrets(**changes: Any) -> ComplianceConfig:
    given: dict[str, Any] = {
        "enable_encryption": True,
        "sensitive_fields": ["card", "token"],
        "encryption_key": b"k" * 32,
        **changes,
    }
    return ComplianceConfig(**given)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of a store with one order that failed."""
    SecretiveOrder.charged.clear()
    place = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(place, compliance=secrets()) as storage:
        order = SecretiveOrder({"card": OLD}, saga_id="o1", snapshot_storage=storage)
        result = await order.execute()
    assert (result.status, result.compensation) == ("failed", "completed")
    return place


async def test_its_steps_get_plain_values_and_its_file_none(path: Path) -> None:
    async with SQLiteSnapshotStorage(path, compliance=secrets()) as storage:
        replay = SagaReplay("o1", storage)
        rehearsed = await replay.from_checkpoint(
            "charge", context_override={"card": NEW}, simulate=True
        )
        assert rehearsed.rehearsal is not None
        again = await replay.from_checkpoint("charge")
        result = await replay.from_checkpoint("charge", context_override={"card": NEW})
        assert result.status == "success"
        log = (await storage.list_replays("o1"))[0]
        assert [each.path for each in log.override] == ["/card"]
        assert isinstance(log.override[0].after, Masked)
    assert SecretiveOrder.charged == [(NEW, TOKEN)]
    assert again.status == "failed"
    told = [str(again), str(result.plan), str(rehearsed.plan), str(rehearsed.rehearsal)]
    for secret in (OLD, NEW, TOKEN):
        assert not any(secret in each for each in told)
        for file in path.parent.iterdir():
            assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"enable_encryption": False}, "enable encryption in the settings"),
        ({"sensitive_fields": ["token"]}, "name it among the sensitive fields"),
    ],
)
async def test_one_that_would_record_them_in_plain_text_is_refused(
    path: Path, changes: dict[str, Any], advice: str
) -> None:
    async with SQLiteSnapshotStorage(path, compliance=secrets(**changes)) as storage:
        result = await SagaReplay("o1", storage).from_checkpoint("charge")
        assert result.status == "invalid"
        assert result.error_message is not None
        assert f"/card is encrypted, and the replay would record it in plain text; {advice}" in (
            result.error_message
        )
    assert SecretiveOrder.charged == []


async def test_without_the_key_it_is_refused_before_anything_runs(path: Path) -> None:
    async with SQLiteSnapshotStorage(path) as storage:
        with pytest.raises(DecryptionError, match="give the keys"):
            await SagaReplay("o1", storage).from_checkpoint("charge")
    assert SecretiveOrder.charged == []


async def test_a_mask_is_taken_for_no_value(path: Path) -> None:
    async with SQLiteSnapshotStorage(path, compliance=secrets()) as storage:
        mask = (await storage.masked.get_checkpoint("o1", 1)).context["card"]
        for override in ({"card": mask}, {"new": {"cards": [mask]}}):
            refused = await SagaReplay("o1", storage).from_checkpoint(
                "charge", context_override=override
            )
            assert refused.status == "invalid"
            assert "is the mask of a secret; give its value" in (refused.error_message or "")
    assert SecretiveOrder.charged == []
