"""A family that is held stays whole, whatever its retention says, until it is let go."""

from __future__ import annotations

import pytest

from sagaz_core.errors import NotAllowedError
from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.capture import capture
from sagaz_core.storage.holding import HOLD
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, hence, snapshot
from sagaz_core.testing.expiry import SOON, gone


class HoldContract(ContractBase):
    """A family that is held stays whole, whatever its retention says, until it is let go."""

    async def test_a_family_that_is_held_stays_until_it_is_let_go(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        soon = hence(seconds=SOON)
        first = snapshot("a", context={"n": 1}, retention_until=soon)
        for each in (first, *(snapshot(id, retention_until=soon) for id in ("gone", "let go"))):
            await storage.save_snapshot(each)
        writer = storage.writer(
            saga_id="a~r1", saga_name="S", root_id="a", parent_id="a", parent_sequence=1
        )
        await writer.append(capture(snapshot("a~r1", retention_until=soon)))
        await storage.save_replay_log(_log_of("a~r1"))
        for held in ("a~r1", "let go"):
            await other.hold(held, by="ada", reason="a lawsuit")
        assert await other.release_hold("let go", by="ada")
        # What is written later is held as well, and so is a replay that begins later.
        ended = snapshot("a", status="failed", context={"n": 2}, retention_until=soon)
        await storage.save_snapshot(ended)
        later = storage.writer(
            saga_id="a~r2", saga_name="S", root_id="a", parent_id="a", parent_sequence=1
        )
        await later.append(capture(snapshot("a~r2", retention_until=soon)))
        await storage.save_replay_log(_log_of("a~r2"))
        for saga_id in ("gone", "let go"):
            await gone(other, saga_id)

        hold = await other.find_hold("a")
        assert hold is not None
        assert (hold.root_id, hold.by, hold.reason) == ("a", "ada", "a lawsuit")
        assert [each.root_id for each in await other.list_holds()] == ["a"]
        assert (await other.prune(soon)).sagas == 0
        family = await other.list_family("a")
        assert [saga.saga_id for saga in family] == ["a", "a~r1", "a~r2"]
        assert [saga.expires_at for saga in family] == [soon] * 3
        for saved in (first, ended):
            found = await other.get_snapshot(saved.snapshot_id)
            assert found is not None
            assert found.context == saved.context
        assert [each.key for each in await other.list_changes("a")] == ["n", "n"]
        assert len(await other.list_replays("a")) == 2
        with pytest.raises(NotAllowedError, match="by ada: a lawsuit"):
            await other.delete_snapshot(first.snapshot_id)
        with pytest.raises(NotAllowedError, match="--release"):
            await other.forget(["a~r1"], by="ada")

        events = [each.event for each in await other.list_audit_events("a")]
        assert await other.release_hold("a", by="ada")
        assert events == ["replayed", "held", "replayed"]
        for saga_id in ("a", "a~r1", "a~r2"):
            await gone(storage, saga_id)
        assert await other.get_snapshot(first.snapshot_id) is None
        await other.prune()
        assert await other.list_replays("a") == []
        assert await other.list_holds() == []
        # Nor is anything left of what was done to it.
        assert await other.backend.scan(AUDIT) == []
        assert await other.backend.scan(HOLD) == []

    async def test_a_family_can_be_held_again_and_told_why(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot("a"))
        assert await storage.find_hold("a") is None
        assert not await storage.release_hold("a", by="ada")
        for reason in ("one", "another"):
            await storage.hold("a", by="ada", reason=reason)
        hold = await storage.find_hold("a")
        assert hold is not None
        assert hold.reason == "another"
        assert await storage.release_hold("a", by="ben")
        assert await storage.find_hold("a") is None
        events = await storage.list_audit_events("a")
        assert [(each.event, each.by) for each in events] == [
            ("held", "ada"),
            ("held", "ada"),
            ("released", "ben"),
        ]


def _log_of(replay_id: str) -> ReplayLogEntry:
    return ReplayLogEntry(
        replay_id=replay_id,
        original_saga_id="a",
        from_step="a",
        snapshot_id=None,
        sequence=1,
        initiated_by="ada",
    )
