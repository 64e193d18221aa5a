"""What protects a family and what is known of it goes with it: holds, trails, tombstones."""

from __future__ import annotations

from datetime import timedelta

from sagaz_core import copy_sagas
from sagaz_core.history.evidence import verify
from sagaz_core.history.heads import list_heads, missing_sagas
from sagaz_core.model import utc_now
from sagaz_core.storage.audit_trail import AUDIT
from sagaz_core.storage.storage import SnapshotStorage
from tests.storage.families import LATER, everything, record, replay


async def test_a_family_that_is_held_is_copied_and_held_whatever_its_retention_says(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    # A server would have refused what is over already.
    until = LATER if source.backend.expires_by_itself else utc_now() - timedelta(hours=1)
    for saga_id in ("held", "over"):
        await record(source, saga_id, outcome="failed", until=until)
    await replay(source, "held", until=until)
    await source.hold("held~r1", by="ada", reason="lawsuit 4711")
    report = await copy_sagas(source, target)
    assert (report.holds, report.conflicts) == (1, ())
    if until != LATER:
        assert report.expired == 1
        # Nothing is told of what was left out.
        assert {each.id for each in await target.backend.scan(AUDIT)} == {"held"}
    assert await target.list_holds() == await source.list_holds()
    held = (await everything(source))["held"], (await everything(source))["held~r1"]
    assert ((await everything(target))["held"], (await everything(target))["held~r1"]) == held
    for number in (1, 2):
        id = (await source.list_checkpoints("held"))[number].snapshot_id
        assert await target.get_snapshot(id) is not None
    await target.prune(LATER + timedelta(days=1))
    assert {saga.saga_id for saga in await target.list_family("held")} == {"held", "held~r1"}
    assert [each.findings async for each in verify(target, "held")] == [(), ()]

    assert (await copy_sagas(source, target, prefix="held")).holds == 0
    # Ended here, it goes on there until it is ended there as well.
    await source.release_hold("held", by="ben")
    if until == LATER:
        assert (await copy_sagas(source, target, prefix="held")).complete
    assert await target.find_hold("held") is not None


async def test_a_hold_does_not_fall_on_another_saga_of_the_same_name(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    await record(source, "a")
    await source.hold("a", by="ada", reason="lawsuit 4711")
    await record(target, "a", start=3600)
    report = await copy_sagas(source, target)
    assert (report.holds, report.complete) == (0, False)
    assert await target.list_holds() == []


async def test_what_was_forgotten_stays_forgotten_at_both_ends(
    source: SnapshotStorage, target: SnapshotStorage
) -> None:
    for saga_id in ("here", "there", "before", "kept"):
        await record(source, saga_id)
    await source.forget(["before"], by="ada")
    report = await copy_sagas(source, target)
    assert (report.tombstones, report.conflicts) == (1, ())
    heads = {each.saga_id: each async for each in list_heads(source)}

    await source.forget(["here"], by="ada")
    await target.forget(["there"], by="ben")
    report = await copy_sagas(source, target)
    assert {each.saga_id for each in report.conflicts} == {"here", "there"}
    reasons = {each.saga_id: each.reason for each in report.conflicts}
    assert "forgotten at the source" in reasons["here"]
    assert "forgotten there" in reasons["there"]
    assert "by ben" in reasons["there"]
    assert await target.get_saga("there") is None

    await target.forget(["here"], by="ada")
    report = await copy_sagas(source, target, prefix="kept")
    assert (report.conflicts, report.tombstones) == ((), 0)
    assert await target.find_tombstone("before") == await source.find_tombstone("before")
    # Without keys nothing proves it.
    told = {head.saga_id: each.reason async for head, each in missing_sagas(target, heads)}
    assert set(told) == {"here", "there"}
    assert "it was forgotten on" in told["here"]
    # An id that was forgotten may be another saga's, begun since.
    await record(source, "there~2")
    await source.forget(["there"], by="ada")
    await record(source, "there", start=10**9)
    assert (await copy_sagas(source, target, prefix="there")).conflicts == ()
    assert await target.get_saga("there") is not None
