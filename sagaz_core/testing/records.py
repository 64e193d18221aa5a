"""Documents for logs and journals: replaced only by their version, listed newest first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from sagaz_core.model import PlannedOverride, ReplayLogEntry
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.testing.base import ODD_IDS, T0, ContractBase, hence, snapshot


def _record(id: str = "1", *, at: int = 1, saga: str | None = None, body: bytes = b"") -> RecordRow:
    return RecordRow(kind="k", id=id, version=0, saga=saga, at=at, body=body)


class RecordContract(ContractBase):
    """Documents are replaced only by their version, and listed newest first."""

    async def test_a_document_is_replaced_only_by_its_version(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        assert not await backend.put(_record(), expected_version=1)
        assert await backend.put(_record(body=b"one"), expected_version=0)
        assert not await backend.put(_record(body=b"no"), expected_version=0)
        assert await backend.put(_record(body=b"two", at=7, saga="s"), expected_version=1)
        for version in (0, 1, 3):
            assert not await backend.put(_record(body=b"no"), expected_version=version)
        found = await backend.get("k", "1")
        assert found == RecordRow(kind="k", id="1", version=2, saga="s", at=7, body=b"two")
        assert await backend.scan("k") == [found]
        assert await backend.get("k", "2") is None
        assert await backend.get("other", "1") is None

    async def test_several_are_stored_and_others_read_at_once(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        backend = storage.backend
        first = [replace(_record(id), version=1) for id in ("1", "2", "3")]
        assert await backend.exchange(first, [("k", "4")]) == ([True] * 3, [None])
        # One that is refused keeps none of the others back.
        changed = [replace(each, body=b"new") for each in first]
        changed[0], changed[2] = (replace(changed[at], version=2) for at in (0, 2))
        found = await other.backend.exchange(changed, [("k", "2"), ("other", "2"), ("k", "3")])
        assert found == ([True, False, True], [first[1], None, changed[2]])
        assert await backend.exchange([]) == ([], [])

    async def test_of_many_who_replace_one_version_one_does(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        for version in range(5):
            outcomes = await asyncio.gather(
                *(
                    each.backend.put(_record(body=bytes([number])), expected_version=version)
                    for number, each in enumerate([storage, other] * 5)
                )
            )
            assert sorted(outcomes) == [False] * 9 + [True]
            found = await other.backend.get("k", "1")
            assert found is not None
            assert (found.version, found.body) == (version + 1, bytes([outcomes.index(True)]))

    async def test_documents_are_listed_newest_first_then_by_id(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        for id, at in (("b", 1), ("a", 5), ("c", 1), ("d", -3), ("10", 1), ("9", 1)):
            await backend.put(_record(id, at=at), expected_version=0)

        async def ids(limit: int | None = None) -> list[str]:
            return [each.id for each in await backend.scan("k", limit=limit)]

        assert await ids() == ["a", "c", "b", "9", "10", "d"]
        assert await ids(2) == ["a", "c"]
        assert await ids(0) == []
        await backend.put(_record("d", at=9), expected_version=1)
        assert await ids() == ["d", "a", "c", "b", "9", "10"]
        assert await backend.scan("other") == []

    async def test_documents_are_read_by_pages(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        backend = storage.backend
        for number in range(9):
            saga = "x" if number % 2 else None
            await backend.put(_record(f"{number}", at=number // 4, saga=saga), expected_version=0)

        async def pages(limit: int, saga: str | None = None) -> list[list[str]]:
            read: list[list[str]] = []
            before = None
            while found := await backend.scan("k", saga=saga, before=before, limit=limit):
                read.append([each.id for each in found])
                before = found[-1].at, found[-1].id
            return read

        assert await pages(2) == [["8", "7"], ["6", "5"], ["4", "3"], ["2", "1"], ["0"]]
        assert await pages(5) == [["8", "7", "6", "5", "4"], ["3", "2", "1", "0"]]
        assert await pages(3, "x") == [["7", "5", "3"], ["1"]]
        assert [each.id for each in await backend.scan("k", before=(1, ""))] == ["3", "2", "1", "0"]
        assert not await other.backend.put(_record("1", at=5), expected_version=9)
        assert not await other.backend.put(_record("6", at=-5), expected_version=9)
        assert await pages(2) == [["8", "7"], ["6", "5"], ["4", "3"], ["2", "1"], ["0"]]

    async def test_documents_are_listed_by_saga(self, storage: SnapshotStorage) -> None:
        backend = storage.backend
        for number, saga in enumerate(("x", "y", "x", None, "x:y")):
            await backend.put(_record(f"{number}", at=number, saga=saga), expected_version=0)

        async def ids(saga: str | None, limit: int | None = None) -> list[str]:
            return [each.id for each in await backend.scan("k", saga=saga, limit=limit)]

        assert await ids("x") == ["2", "0"]
        assert await ids("x", 1) == ["2"]
        assert await ids("y") == ["1"]
        assert await ids("x:y") == ["4"]
        assert await ids("nobody") == []
        assert await ids(None) == ["4", "3", "2", "1", "0"]
        await backend.put(_record("2", at=2, saga="y"), expected_version=1)
        assert await ids("x") == ["0"]
        assert await ids("y") == ["2", "1"]

    async def test_a_document_that_was_refused_leaves_no_trace(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        for number, saga in enumerate(("x", "y")):
            await backend.put(_record(f"{number}", at=number, saga=saga), expected_version=0)
        before = await backend.scan("k")
        for id, saga in (("0", "y"), ("0", "z"), ("2", "z")):
            assert not await backend.put(_record(id, at=9, saga=saga), expected_version=7)
        assert await backend.scan("k") == before
        for saga in ("x", "y", "z"):
            assert await backend.scan("k", saga=saga) == [
                each for each in before if each.saga == saga
            ]
        for saga in ("y", "z"):
            await storage.save_snapshot(snapshot(saga))
        await backend.delete(["y", "z"])
        assert [each.id for each in await backend.scan("k")] == ["0"]

    async def test_a_document_that_was_put_down_to_another_saga_goes_with_that_one(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        for saga in ("x", "y"):
            await storage.save_snapshot(snapshot(saga))
        await backend.put(_record(saga="x"), expected_version=0)
        await backend.put(_record(saga="y"), expected_version=1)
        await backend.delete(["x"])
        assert await backend.get("k", "1") is not None
        await backend.delete(["y"])
        assert await backend.get("k", "1") is None

    async def test_documents_whose_names_look_alike_are_kept_apart(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        for kind in ("k", "k:", "K", "*"):
            for id in ODD_IDS:
                body = f"{kind} {id}".encode()
                record = RecordRow(kind=kind, id=id, version=0, saga=id, at=0, body=body)
                assert await backend.put(record, expected_version=0)
        for kind in ("k", "k:", "K", "*"):
            assert {each.id for each in await backend.scan(kind)} == set(ODD_IDS)
            for id in ODD_IDS:
                found = await backend.get(kind, id)
                assert found is not None
                assert found.body == f"{kind} {id}".encode()
                assert await backend.scan(kind, saga=id) == [found]

    async def test_any_bytes_and_large_ones_come_back(self, storage: SnapshotStorage) -> None:
        backend = storage.backend
        for number, body in enumerate((b"", bytes(range(256)), b"\0" * 3_000_000)):
            await backend.put(_record(f"{number}", body=body), expected_version=0)
            found = await backend.get("k", f"{number}")
            assert found is not None
            assert found.body == body

    async def test_a_saga_takes_its_documents_along_but_for_those_with_a_time_of_their_own(
        self, storage: SnapshotStorage
    ) -> None:
        backend = storage.backend
        until = to_micros(hence(hours=1))
        await storage.save_snapshot(snapshot("a"))
        for id, saga, expires in (
            ("its", "a", None),
            ("kept", "a", until),
            ("another's", "b", None),
            ("nobody's", None, None),
        ):
            record = RecordRow(
                kind="k", id=id, version=0, saga=saga, at=0, expires=expires, body=b""
            )
            await backend.put(record, expected_version=0)
        await backend.delete(["a"])
        assert {each.id for each in await backend.scan("k")} == {"kept", "another's", "nobody's"}
        kept = await backend.get("k", "kept")
        assert kept is not None
        assert kept.expires == until
        assert await backend.clean(until - 1) == 0
        assert await backend.clean(until, dry_run=True) == 1
        assert await backend.get("k", "kept") is not None
        assert await backend.clean(until) == 1
        assert await backend.get("k", "kept") is None
        assert len(await backend.scan("k")) == 2

    async def test_the_replay_log_keeps_its_entries(self, storage: SnapshotStorage) -> None:
        entry = ReplayLogEntry(
            replay_id="a~r1",
            original_saga_id="a",
            from_step="charge",
            snapshot_id="x",
            sequence=2,
            override=(PlannedOverride(path="/a", before=(1, 2), after=T0),),
            initiated_by="ada@host",
            reason="token renewed",
            started_at=T0,
            plan={"runs": ["charge"]},
            request_id="req-1",
        )
        await storage.save_replay_log(entry)
        assert await storage.get_replay_log("a~r1") == entry
        assert await storage.list_replays("a") == [entry]
        assert await storage.list_replays("b") == []
        assert await storage.get_replay_log("a~r2") is None

    async def test_a_line_of_the_replay_log_is_replaced_by_its_later_self(
        self, storage: SnapshotStorage, other: SnapshotStorage
    ) -> None:
        def entry(number: int, **fields: object) -> ReplayLogEntry:
            return ReplayLogEntry(
                replay_id=f"a~r{number}",
                original_saga_id="a",
                from_step="charge",
                snapshot_id=None,
                sequence=None,
                started_at=T0 + timedelta(seconds=number),
                **fields,  # type: ignore[arg-type]
            )

        for number in (2, 1, 3):
            await storage.save_replay_log(entry(number))
        assert [each async for each in other.iter_replays()] == [entry(3), entry(2), entry(1)]
        until = T0 + timedelta(seconds=2)
        assert [each async for each in other.iter_replays(until=until)] == [entry(2), entry(1)]
        ended = entry(2, outcome="failed", error_message="no", finished_at=T0)
        await other.save_replay_log(ended)
        assert await storage.list_replays("a") == [entry(3), ended, entry(1)]
        assert await storage.get_replay_log("a~r2") == ended
