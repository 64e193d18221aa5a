"""What is asked for is found, nothing else is, and no character of a question is a wildcard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sagaz_core.model import ReplayLogEntry, StepError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.testing.base import ODD_IDS, T0, ContractBase, snapshot


class FilterContract(ContractBase):
    """What is asked for is found, and no character of a question is a wildcard."""

    async def test_prefixes_are_literal(self, storage: SnapshotStorage) -> None:
        for each in ODD_IDS:
            await storage.save_snapshot(snapshot(each))
        for prefix in {each[:length] for each in ODD_IDS for length in (1, 2, 256)}:
            expected = {each for each in ODD_IDS if each.startswith(prefix)}
            found = await storage.list_snapshots(saga_id_prefix=prefix)
            assert {each.saga_id for each in found} == expected
            page = await storage.list_sagas(prefix=prefix)
            assert {saga.saga_id for saga in page.sagas} == expected

    async def test_prefixes_are_literal_beside_a_status(self, storage: SnapshotStorage) -> None:
        for number, each in enumerate(ODD_IDS):
            status = ("executing", "completed", "failed")[number % 3]
            await storage.save_snapshot(snapshot(each, status=status))
        for prefix in {each[:1] for each in ODD_IDS}:
            for index, status in enumerate(("executing", "completed", "failed")):
                expected = {each for each in ODD_IDS[index::3] if each.startswith(prefix)}
                found = await storage.list_snapshots(saga_id_prefix=prefix, status=status)  # type: ignore[arg-type]
                assert {each.saga_id for each in found} == expected
                counted = await storage.count_sagas("status", prefix=prefix, status=status)
                assert counted == ({status: len(expected)} if expected else {})

    async def test_sagas_whose_ids_look_alike_are_kept_apart(
        self, storage: SnapshotStorage
    ) -> None:
        for _ in range(2):
            for each in ODD_IDS:
                await storage.save_snapshot(snapshot(each, context={each: each}))
                await storage.save_replay_log(_log_of(each))
        gone = set(ODD_IDS[::2])
        assert await storage.backend.delete(sorted(gone)) == 2 * len(gone)
        for each in ODD_IDS:
            found = await storage.list_snapshots(each)
            if each in gone:
                assert not found
                assert await storage.get_saga(each) is None
                assert not await storage.list_checkpoints(each)
                assert not await storage.list_changes(each)
                assert not await storage.list_replays(each)
            else:
                assert [snapshot.context for snapshot in found] == [{each: each}] * 2
                assert [touch.key for touch in await storage.list_changes(each)] == [each]
                assert [line.sequence for line in await storage.list_checkpoints(each)] == [1, 2]
                assert [log.replay_id for log in await storage.list_replays(each)] == [f"{each}~r1"]
        assert {saga.saga_id for saga in (await storage.list_sagas()).sagas} == set(ODD_IDS) - gone

    async def test_what_ended_is_counted_by_time(self, storage: SnapshotStorage) -> None:
        minute = timedelta(minutes=1)
        ends = (
            ("a", "failed", 0),
            ("b", "failed", 59.9),
            ("c", "failed", 60),
            ("d", "failed", 180),
        )
        for saga_id, status, at in (*ends, ("e", "completed", 61), ("f", "executing", 62)):
            taken = snapshot(saga_id, status=status, created_at=T0 + timedelta(seconds=at))
            await storage.save_snapshot(taken)
        count = storage.count_ended
        assert await count("failed", since=T0, width=minute, count=3) == [2, 1, 0]
        assert await count("completed", since=T0, width=minute, count=3) == [0, 1, 0]
        assert await count("failed", since=T0 + minute, width=minute, count=3) == [1, 0, 1]
        assert await count("failed", since=T0, width=minute, count=0) == []
        # What a store does that has no index by time.
        plainly = Backend.ended(storage.backend, "failed", to_micros(T0), 60_000_000, 3)
        assert await plainly == [2, 1, 0]

    async def test_a_saga_s_snapshots_can_be_narrowed_down(self, storage: SnapshotStorage) -> None:
        for number, (step, status) in enumerate(
            (("a", "executing"), ("b", "executing"), ("b", "compensating"), ("a", "failed"))
        ):
            at = T0 + timedelta(seconds=number)
            await storage.save_snapshot(snapshot(step=step, status=status, created_at=at))

        async def sequences(**filters: Any) -> list[int]:
            return [found.sequence for found in await storage.list_snapshots("saga", **filters)]

        assert await sequences() == [4, 3, 2, 1]
        assert await sequences(limit=2) == [4, 3]
        assert await sequences(limit=0) == []
        assert await sequences(step_name="b") == [3, 2]
        assert await sequences(status="compensating") == [3]
        assert await sequences(after=T0 + timedelta(seconds=2)) == [4, 3]
        assert await sequences(before=T0 + timedelta(seconds=1)) == [2, 1]
        assert await sequences(after=T0, before=T0) == [1]
        assert await sequences(saga_id_prefix="other") == []
        assert await sequences(saga_id_prefix="sag") == [4, 3, 2, 1]

    async def test_sagas_are_found_by_what_they_are(self, storage: SnapshotStorage) -> None:
        error = StepError("CardDeclined", "token tok_123 expired")
        await storage.save_snapshot(
            snapshot("a", kind="failed", status="failed", error=error, created_at=T0)
        )
        await storage.save_snapshot(
            snapshot("b", saga_name="Other", status="executing", created_at=T0 + timedelta(1))
        )

        async def ids(**filters: Any) -> list[str]:
            page = await storage.list_sagas(**filters)
            return [saga.saga_id for saga in page.sagas]

        assert await ids() == ["b", "a"]
        assert await ids(status="failed") == ["a"]
        assert await ids(status="executing") == ["b"]
        assert await ids(status=("failed", "executing")) == ["b", "a"]
        assert await ids(status="completed") == []
        assert await ids(name="Other") == ["b"]
        assert await ids(name="Oth*") == ["b"]
        assert await ids(step="a") == ["b", "a"]
        assert await ids(step="a*") == []
        assert await ids(error="TOKEN") == ["a"]
        assert await ids(error="%") == []
        assert await ids(since=T0 + timedelta(hours=1)) == ["b"]
        assert await ids(since=T0, until=T0) == ["a"]
        assert await ids(until=T0 + timedelta(hours=1)) == ["a"]
        assert await storage.count_sagas("status") == {"failed": 1, "executing": 1}
        assert await storage.count_sagas("name") == {"Contract": 1, "Other": 1}
        groups = await storage.count_sagas("error_group")
        assert list(groups.values()) == [1]
        assert await ids(error_group=next(iter(groups))) == ["a"]
        assert await ids(status="failed", name="Other") == []
        assert await ids(limit=0) == []

    async def test_in_a_class_s_name_only_the_star_stands_for_anything(
        self, storage: SnapshotStorage
    ) -> None:
        names = ("Other", "O?her", "O[tf]her", "O%er", "O_her", "other", "Öther", "O", "*", "a:b")
        for index, status in enumerate(("executing", "failed")):
            for name in names:
                await storage.save_snapshot(
                    snapshot(f"{index}{name}", saga_name=name, status=status)
                )

        async def found(name: str) -> set[str]:
            page = await storage.list_sagas(name=name)
            assert len(page.sagas) % 2 == 0
            return {saga.saga_name for saga in page.sagas}

        for name in names:
            if "*" not in name:
                assert await found(name) == {name}
        assert await found("*") == set(names)
        assert await found("O*") == {name for name in names if name.startswith("O")}
        assert await found("O?*") == {"O?her"}
        assert await found("O[tf]*") == {"O[tf]her"}
        assert await found("*her") == {name for name in names if name.endswith("her")}
        assert await found("O*e*r") == {"Other", "O?her", "O[tf]her", "O%er", "O_her"}
        assert await found("") == set()

    async def test_an_error_is_found_by_text_in_any_case(self, storage: SnapshotStorage) -> None:
        messages = ("Ünable to pay", "100% [sure]", "a_b", "a*b", "STRASSE")
        for number, message in enumerate(messages):
            await storage.save_snapshot(
                snapshot(f"s{number}", status="failed", error=StepError("E", message))
            )

        async def found(text: str) -> set[str]:
            return {saga.saga_id for saga in (await storage.list_sagas(error=text)).sagas}

        assert await found("üNABLE") == {"s0"}
        assert await found("0% [S") == {"s1"}
        assert await found("A_B") == {"s2"}
        assert await found("a*b") == {"s3"}
        assert await found("e: ") == {"s0", "s1", "s2", "s3", "s4"}
        assert await found("strasse") == {"s4"}

    async def test_a_saga_is_found_by_what_it_is_now_only(self, storage: SnapshotStorage) -> None:
        error = StepError("E", "no")
        for number in range(3):
            await storage.save_snapshot(snapshot(f"s{number}", status="executing"))
        await storage.save_snapshot(snapshot("s0", status="failed", error=error))
        await storage.save_snapshot(snapshot("s1", status="failed", error=error))
        await storage.save_snapshot(snapshot("s1", status="completed"))
        assert await storage.count_sagas("status") == {
            "executing": 1,
            "failed": 1,
            "completed": 1,
        }
        for status, saga_id in (("executing", "s2"), ("failed", "s0"), ("completed", "s1")):
            page = await storage.list_sagas(status=status)
            assert [saga.saga_id for saga in page.sagas] == [saga_id]
        assert list((await storage.count_sagas("error_group")).values()) == [1]

    async def test_tags_are_found(self, storage: SnapshotStorage) -> None:
        tags = {
            "a": {"order": "1", "region": "eu"},
            "b": {"order": "2", "region": "eu"},
            "c": {"order:2": "", "": "2"},
            "d": {"order": "2:", "*": "{}%"},
            "e": {},
        }
        for saga_id, its in tags.items():
            writer = storage.writer(saga_id=saga_id, saga_name="S", tags=its)
            status = "failed" if saga_id in "bd" else "executing"
            await writer.append(capture(snapshot(saga_id, status=status)))
            await writer.append(capture(snapshot(saga_id, status=status)))

        async def ids(**filters: Any) -> set[str]:
            return {saga.saga_id for saga in (await storage.list_sagas(**filters)).sagas}

        assert await ids(tags={"order": "2"}) == {"b"}
        assert await ids(tags={"order": "2:"}) == {"d"}
        assert await ids(tags={"order:2": ""}) == {"c"}
        assert await ids(tags={"": "2"}) == {"c"}
        assert await ids(tags={"*": "{}%"}) == {"d"}
        assert await ids(tags={"order": "*"}) == set()
        assert await ids(tags={"region": "eu"}) == {"a", "b"}
        assert await ids(tags={"region": "eu"}, status="failed") == {"b"}
        assert await ids(tags={"region": "eu", "order": "1"}) == {"a"}
        assert await ids(tags={"region": "eu", "order": "2:"}) == set()
        assert await ids(tags={}) == set(tags)
        assert await storage.count_sagas("status", tags={"region": "eu"}) == {
            "executing": 1,
            "failed": 1,
        }
        for saga_id, its in tags.items():
            assert await storage.backend.tags(saga_id) == tuple(sorted(its.items()))

    async def test_who_changed_a_key_is_known_without_reading_values(
        self, storage: SnapshotStorage
    ) -> None:
        writer = storage.writer(saga_id="saga", saga_name="S")
        await writer.append(capture(snapshot(context={"x": 1, "y": 1})))
        await writer.append(capture(snapshot(context={"x": 2, "y": 1})), causes={"x": "a"})
        await writer.append(capture(snapshot(context={"y": 1})), causes={"x": "b"})
        touches = await storage.list_changes("saga", key="x")
        assert [(touch.sequence, touch.step_name) for touch in touches] == [
            (3, "b"),
            (2, "a"),
            (1, None),
        ]
        assert [touch.sequence for touch in await storage.list_changes("saga", key="y")] == [1]
        assert [touch.key for touch in await storage.list_changes("saga", first=2)] == ["x", "x"]
        assert [touch.key for touch in await storage.list_changes("saga", last=1)] == ["x", "y"]
        (newest,) = await storage.list_changes("saga", key="x", limit=1)
        assert newest.sequence == 3
        assert await storage.list_changes("saga", limit=0) == []
        assert await storage.list_changes("nobody") == []

    async def test_changes_of_keys_that_look_alike_are_kept_apart(
        self, storage: SnapshotStorage
    ) -> None:
        keys = ["", "a", "ab", "a:b", "a\0", "a\0b", "a\n", "A", "*", "%", "[a]", "é", "k" * 2000]
        for number in range(len(keys)):
            context = dict.fromkeys(keys[: number + 1], number)
            await storage.save_snapshot(snapshot(context=context))
        for number, key in enumerate(keys):
            touches = await storage.list_changes("saga", key=key)
            assert [touch.sequence for touch in touches] == list(range(len(keys), number, -1))
            assert {touch.key for touch in touches} == {key}

    async def test_a_list_without_a_saga_leaves_out_replays_and_recovered_sagas(
        self, storage: SnapshotStorage
    ) -> None:
        for root in ("a", "b"):
            await storage.save_snapshot(snapshot(root, kind="failed", status="failed"))
        lease = await storage.acquire_lease("a", owner="me", holder="a~r1")
        writer = storage.writer(
            saga_id="a~r1",
            saga_name="Contract",
            root_id="a",
            parent_id="a",
            parent_sequence=1,
            fence=lease.fence,
        )
        await writer.append(capture(snapshot("a~r1", kind="completed", status="completed")))
        assert {found.saga_id for found in await storage.list_snapshots()} == {"a", "b"}
        await lease.release(recovered_by="a~r1")
        assert [found.saga_id for found in await storage.list_snapshots(status="failed")] == ["b"]
        assert [found.saga_id for found in await storage.list_snapshots()] == ["b"]
        summary = await storage.get_saga("a")
        assert summary is not None
        assert summary.recovered_by == "a~r1"
        assert [each.saga_id for each in await storage.list_family("a")] == ["a", "a~r1"]
        page = await storage.list_sagas(root_id="a", status="completed")
        assert [saga.saga_id for saga in page.sagas] == ["a~r1"]


def _log_of(saga_id: str) -> ReplayLogEntry:
    return ReplayLogEntry(
        replay_id=f"{saga_id}~r1",
        original_saga_id=saga_id,
        from_step="s",
        snapshot_id=None,
        sequence=None,
    )
