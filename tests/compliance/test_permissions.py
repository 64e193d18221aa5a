"""What the settings do not allow, this program does not do: checked in the core."""

from __future__ import annotations

import pytest

from sagaz_core import ComplianceConfig, ComplianceManager, Saga, SagaReplay
from sagaz_core.errors import NotAllowedError, UsageError
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage


class PermittedOrder(Saga):
    """Fails."""

    async def build(self) -> None:
        await self.add_step("charge", self._charge)

    async def _charge(self, ctx: object) -> None:
        raise RuntimeError("declined")


async def recorded(*allow: str) -> SnapshotStorage:
    """Return a store with one failed order, to be used with these permissions."""
    first = InMemorySnapshotStorage()
    await PermittedOrder({"card": "4111"}, saga_id="o1", snapshot_storage=first).execute()
    compliance = ComplianceConfig(sensitive_fields=["card"], allow=allow)
    return SnapshotStorage(first.backend, compliance=compliance)


async def test_each_permission_is_asked_for_where_it_counts() -> None:
    storage = await recorded()
    with pytest.raises(NotAllowedError, match="do not allow to view here; they allow to do noth"):
        await storage.masked.get_checkpoint("o1", 1)
    with pytest.raises(NotAllowedError, match="allow to replay here"):
        await SagaReplay("o1", storage).from_checkpoint("charge")
    snapshot = await storage.get_checkpoint("o1", 1)
    with pytest.raises(NotAllowedError, match="allow to delete here"):
        await storage.delete_snapshot(snapshot.snapshot_id)
    with pytest.raises(NotAllowedError, match="allow to delete here"):
        await storage.prune()
    # Who holds a family keeps what there is; who lets go of it may lose it.
    await storage.hold("o1", by="ada", reason="a lawsuit")
    with pytest.raises(NotAllowedError, match="allow to delete here"):
        await storage.release_hold("o1", by="ada")
    assert await storage.find_hold("o1") is not None


async def test_what_is_only_planned_needs_no_permission_to_replay() -> None:
    storage = await recorded("view")
    assert (await SagaReplay("o1", storage).from_checkpoint("charge", dry_run=True)).status == (
        "valid"
    )
    shown = (await storage.masked.get_checkpoint("o1", 1)).context["card"]
    with pytest.raises(NotAllowedError, match="allow to reveal here; they allow to view"):
        shown.reveal()


async def test_what_is_allowed_is_done() -> None:
    storage = await recorded("view", "reveal", "replay", "delete")
    assert (await storage.masked.get_checkpoint("o1", 1)).context["card"].reveal() == "4111"
    assert (await SagaReplay("o1", storage).from_checkpoint("charge")).status == "failed"
    assert await storage.delete_snapshot((await storage.get_checkpoint("o1", 1)).snapshot_id)


def test_a_permission_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="allow names 'write'; there are view, reveal, replay"):
        ComplianceManager(ComplianceConfig(allow=["view", "write"]))
