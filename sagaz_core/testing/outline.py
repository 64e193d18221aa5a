"""What a screen draws a long saga from is told without reading the rest of it."""

from __future__ import annotations

from typing import Any

from sagaz_core.model import KeyTouch
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import ContractBase, snapshot


class OutlineContract(ContractBase):
    """The kinds of checkpoints, and who set each key last, agree with the checkpoints."""

    async def test_marks_tell_number_kind_and_step_of_all_that_is_not_deleted(
        self, storage: SnapshotStorage
    ) -> None:
        kinds: list[tuple[Any, str]] = [
            ("before_step", "a"),
            ("after_step", "a"),
            ("manual", "c"),
            ("step_failed", "b"),
            ("before_compensation", "a"),
        ]
        saved = [
            snapshot(kind=kind, step=step, context={"n": n}) for n, (kind, step) in enumerate(kinds)
        ]
        for each in saved:
            await storage.save_snapshot(each)
        await storage.delete_snapshot(saved[1].snapshot_id)
        marks = await storage.list_marks("saga", 1, 5)
        assert [tuple(mark) for mark in marks] == [
            (1, "before_step", "a"),
            (3, "manual", "c"),
            (4, "step_failed", "b"),
            (5, "before_compensation", "a"),
        ]
        assert [mark.seq for mark in await storage.list_marks("saga", 2, 4)] == [3, 4]
        assert await storage.list_marks("no such saga", 1, 9) == []

    async def test_of_each_key_the_latest_change_up_to_a_checkpoint_is_told(
        self, storage: SnapshotStorage
    ) -> None:
        for number in range(1, 13):
            await storage.save_snapshot(
                snapshot(
                    kind="after_step",
                    step=f"s{number}",
                    context={"each": number, "third": number // 3, "once": 0, "it's \x00 odd": 1},
                )
            )
        keys = ["once", "third", "each", "it's \x00 odd", "none", "each"]
        for until in (1, 5, 12, 99):
            found = await storage.list_latest_changes("saga", keys, until)
            expected: dict[str, KeyTouch] = {}
            for touch in await storage.list_changes("saga", last=until):
                expected.setdefault(touch.key, touch)
            assert {touch.key: touch for touch in found} == expected
            assert len(found) == len(expected)
        assert await storage.list_latest_changes("saga", [], 5) == []
        assert await storage.list_latest_changes("no such saga", ["each"], 5) == []

    async def test_of_many_checkpoints_only_those_asked_for_are_made(
        self, storage: SnapshotStorage
    ) -> None:
        for number in range(1, 31):
            await storage.save_snapshot(
                snapshot(step=f"s{number}", context={"n": number}, completed_steps=["s1"])
            )
        found = [each async for each in storage.iter_checkpoints("saga", 5, 25, only={4, 7, 25})]
        assert [(each.sequence, each.context) for each in found] == [(7, {"n": 7}), (25, {"n": 25})]
        assert found[0].completed_steps == ["s1"]
        (without,) = [each async for each in storage.iter_checkpoints("saga", 7, 7, steps=False)]
        assert (without.context, without.completed_steps) == ({"n": 7}, [])
