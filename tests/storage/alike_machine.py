"""Does at random what can be done with a store, to several at once, and compares them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from sagaz_core.model import ReplayLogEntry, SagaSnapshot
from sagaz_core.storage.backends.rows import Append, RecordRow, SagaQuery, SagaRow
from sagaz_core.storage.capture import capture
from sagaz_core.storage.lease import Lease
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.times import to_micros
from sagaz_core.storage.writer import SagaWriter
from sagaz_core.testing.base import T0, snapshot
from sagaz_core.testing.rows import append_of
from tests.storage.alike import Alike
from tests.storage.alike_states import (
    END,
    KEYS,
    LATER,
    REPLAYS,
    RETENTIONS,
    ROOTS,
    SAGAS,
    STATUSES,
    STEPS,
    TAGS,
    keys,
    limits,
    moments,
    numbers,
    queries,
    sagas,
    states,
)


class StoresAlike(RuleBasedStateMachine):
    """Stores that are to answer everything alike, whatever is done to them."""

    snapshots = Bundle("snapshots")
    writers = Bundle("writers")
    leases = Bundle("leases")

    def __init__(self, make_storages: Callable[[], Mapping[str, SnapshotStorage]]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = datetime.now(UTC).replace(microsecond=0)
        storages = make_storages()
        self.stores = Alike[SnapshotStorage](storages, storages.values(), self.runner)
        self.stores.ask(lambda storage: storage.open())
        self.taken = 0

    def teardown(self) -> None:
        self.stores.ask(lambda storage: storage.close())
        self.runner.close()

    # -- saving

    @rule(target=snapshots, saga_id=sagas, state=states)
    def save(self, saga_id: str, state: dict[str, Any]) -> str:
        taken = self.take(saga_id, state)
        self.stores.ask(lambda storage: storage.save_snapshot(taken))
        return taken.snapshot_id

    @rule(saga_id=sagas, state=states, snapshot_id=snapshots)
    def save_under_an_id_that_was_given_before(
        self, saga_id: str, state: dict[str, Any], snapshot_id: str
    ) -> None:
        taken = self.take(saga_id, state, snapshot_id)
        self.stores.ask(lambda storage: storage.save_snapshot(taken))

    @rule(snapshot_id=snapshots)
    def save_the_same_again(self, snapshot_id: str) -> None:
        stored = self.stores.ask(lambda storage: storage.get_snapshot(snapshot_id))
        if stored is not None:
            self.stores.ask(lambda storage: storage.save_snapshot(stored))

    @rule(
        target=snapshots,
        group=st.lists(
            st.tuples(
                sagas,
                st.sampled_from((0, 0, 0, 1, -1)),
                st.sampled_from((None, None, 1, 2)),
                st.sampled_from(("", "", "claim", "release", "recovers", "undoes", "no entry")),
                states,
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def append_a_group(self, group: list[tuple[str, int, int | None, str, dict[str, Any]]]) -> Any:
        appends, ids = [], []
        for saga_id, offset, fence, how, state in group:
            append = self.draft(saga_id, offset, fence, state)
            assert append.entry is not None
            ids.append(append.entry.snapshot_id)
            if how == "claim":
                append = append._replace(claim=saga_id in ROOTS, fence=1)
            elif how == "no entry" and append.expected_head:
                append = append._replace(
                    entry=None,
                    touches=(),
                    saga=append.saga._replace(head=append.expected_head),
                )
            elif how == "undoes":
                append = append._replace(undoes=True)
            elif how in ("release", "recovers"):
                append = append._replace(release=True, recovers=how == "recovers")
            appends.append(append)
        self.stores.ask(lambda storage: storage.backend.append(appends))
        return multiple(*ids)

    @rule(saga_id=sagas, key=st.none() | keys, offset=st.sampled_from((0, 0, 0, 1)))
    def replace_all_of_a_saga(self, saga_id: str, key: bytes | None, offset: int) -> None:
        row = self.row(saga_id)
        if row is None:
            return

        async def replace(storage: SnapshotStorage) -> bool:
            entries = await storage.backend.entries(saga_id, 1, END, hidden=True)
            return await storage.backend.replace(
                row._replace(mac=key),
                [entry._replace(mac=key) for entry in entries],
                expected_head=row.head + offset,
            )

        self.stores.ask(replace)

    # -- writing under a lease, and without one

    @rule(
        target=writers,
        saga_id=sagas,
        fence=st.sampled_from((None, 1, 2)),
        claim=st.booleans(),
        tags=st.sampled_from(TAGS),
    )
    def begin_writing(
        self, saga_id: str, fence: int | None, claim: bool, tags: dict[str, str]
    ) -> Alike[SagaWriter]:
        root = REPLAYS.get(saga_id)
        return self.stores.like(
            storage.writer(
                saga_id=saga_id,
                saga_name="Order",
                root_id=root,
                parent_id=root,
                parent_sequence=None if root is None else 1,
                tags=tags,
                fence=fence,
                claim=claim and root is None and fence in (None, 1),
                owner="writer",
                term=ROOTS[root or saga_id],
            )
            for storage in self.stores.of_each.values()
        )

    @rule(target=snapshots, writer=writers, state=states, release=st.booleans())
    def append(self, writer: Alike[SagaWriter], state: dict[str, Any], release: bool) -> str:
        (saga_id,) = {each.saga_id for each in writer.of_each.values()}
        taken = self.take(saga_id, state)
        writer.ask(lambda each: each.append(capture(taken), causes={"x": "b"}, release=release))
        return taken.snapshot_id

    @rule(writer=writers)
    def beat_by_its_writer(self, writer: Alike[SagaWriter]) -> None:
        writer.ask(lambda each: each.beat())

    @rule(writer=writers, status=st.sampled_from(("completed", "failed")))
    def finish(self, writer: Alike[SagaWriter], status: Any) -> None:
        writer.ask(lambda each: each.finish(status, "none"))

    @rule(
        target=leases,
        holder=sagas,
        expect_fence=st.sampled_from((None, None, None, 0, 1, 2)),
    )
    def acquire(self, holder: str, expect_fence: int | None) -> Any:
        root = REPLAYS.get(holder, holder)
        taken: list[Lease] = []

        async def acquire(storage: SnapshotStorage) -> int:
            lease = await storage.acquire_lease(
                root, owner="me", holder=holder, expect_fence=expect_fence, term=ROOTS[root]
            )
            taken.append(lease)
            return lease.fence

        self.stores.ask(acquire)
        return self.stores.like(taken) if taken else multiple()

    @rule(lease=leases)
    def beat(self, lease: Alike[Lease]) -> None:
        lease.ask(lambda each: each.beat())

    @rule(lease=leases, recovered_by=st.none() | st.sampled_from(tuple(REPLAYS)))
    def release(self, lease: Alike[Lease], recovered_by: str | None) -> None:
        lease.ask(lambda each: each.release(recovered_by))

    # -- removing

    @rule(snapshot_id=snapshots)
    def hide(self, snapshot_id: str) -> None:
        self.stores.ask(lambda storage: storage.delete_snapshot(snapshot_id))

    @rule(hours=st.sampled_from((0.0, 1.0, 1.5, 2.5)))
    def delete_expired(self, hours: float) -> None:
        if self.stores.ask(_families_without_a_saga):
            return
        now = self.now + timedelta(hours=hours)
        self.stores.ask(lambda storage: storage.delete_expired_snapshots(now))

    @rule(ids=st.lists(sagas, max_size=2, unique=True))
    def delete(self, ids: list[str]) -> None:
        # Of one that is not there, a store may remove what a deletion cut short has left.
        ids = [each for each in ids if self.row(each) is not None]
        self.stores.ask(lambda storage: storage.backend.delete(ids))

    @rule(hours=st.sampled_from((0.0, 1.5, 2.5)))
    def clean(self, hours: float) -> None:
        if self.stores.ask(_families_without_a_saga):
            return
        now = to_micros(self.now + timedelta(hours=hours))

        async def clean(storage: SnapshotStorage) -> list[int]:
            # How much there is beside the documents is each store's own affair.
            told = await storage.backend.clean(now, dry_run=True)
            cleaned = await storage.backend.clean(now)
            return [cleaned - told, await storage.backend.clean(now)]

        self.stores.ask(clean)

    # -- documents

    @rule(
        id=st.sampled_from(("1", "2", "é")),
        saga=st.none() | sagas,
        at=st.integers(-2, 5),
        hours=st.sampled_from(RETENTIONS),
        body=st.binary(max_size=3),
        expected_version=st.integers(0, 2),
    )
    def put(
        self,
        id: str,
        saga: str | None,
        at: int,
        hours: int | None,
        body: bytes,
        expected_version: int,
    ) -> None:
        until = self.until(hours)
        record = RecordRow(
            kind="k",
            id=id,
            version=0,
            saga=saga,
            at=at,
            expires=None if until is None else to_micros(until),
            body=body,
        )
        self.stores.ask(
            lambda storage: storage.backend.put(record, expected_version=expected_version)
        )

    @rule(replay_id=st.sampled_from(tuple(REPLAYS)), seconds=numbers)
    def log_a_replay(self, replay_id: str, seconds: int) -> None:
        entry = ReplayLogEntry(
            replay_id=replay_id,
            original_saga_id=REPLAYS[replay_id],
            from_step="a",
            snapshot_id=None,
            sequence=None,
            started_at=T0 + timedelta(seconds=seconds),
        )
        self.stores.ask(lambda storage: storage.save_replay_log(entry))

    # -- asking

    @rule(query=queries, limit=st.integers(1, 4))
    def list_page_by_page(self, query: SagaQuery, limit: int) -> None:
        cursor: str | None = None
        while True:
            page = self.stores.ask(
                lambda storage, at=cursor: storage.backend.sagas(query, cursor=at, limit=limit)
            )
            cursor = page.cursor
            if cursor is None:
                break

    @rule(query=queries, by=st.sampled_from(("status", "error_group", "name")))
    def count(self, query: SagaQuery, by: Any) -> None:
        self.stores.ask(lambda storage: storage.backend.tally(query, by))

    @rule(
        saga_id=st.none() | sagas,
        prefix=st.none() | st.sampled_from(("a", "*")),
        status=st.none() | st.sampled_from(STATUSES),
        step_name=st.none() | st.sampled_from(STEPS),
        after=st.none() | moments,
        before=st.none() | moments,
        limit=limits,
    )
    def list_snapshots(self, saga_id: str | None, prefix: str | None, **filters: Any) -> None:
        self.stores.ask(
            lambda storage: storage.list_snapshots(saga_id, saga_id_prefix=prefix, **filters)
        )

    @rule(saga_id=sagas, at=moments, step=st.sampled_from(STEPS), number=numbers)
    def look_back(self, saga_id: str, at: datetime, step: str, number: int) -> None:
        self.stores.ask(lambda storage: storage.get_snapshot_at_time(saga_id, at))
        self.stores.ask(lambda storage: storage.get_latest_snapshot(saga_id, before_step=step))
        self.stores.ask(lambda storage: storage.get_checkpoint(saga_id, number))
        self.stores.ask(lambda storage: storage.get_run(saga_id))

    @rule(saga_id=st.none() | sagas, snapshot_id=snapshots)
    def find_by_its_id(self, saga_id: str | None, snapshot_id: str) -> None:
        self.stores.ask(lambda storage: storage.backend.locate(saga_id, snapshot_id=snapshot_id))
        self.stores.ask(lambda storage: storage.get_snapshot(snapshot_id))

    @rule(
        saga_id=sagas,
        lo=numbers,
        hi=numbers | st.just(END),
        key=st.none() | st.sampled_from(KEYS),
        reverse=st.booleans(),
        hidden=st.booleans(),
        limit=limits,
    )
    def read_a_part(
        self,
        saga_id: str,
        lo: int,
        hi: int,
        key: str | None,
        reverse: bool,
        hidden: bool,
        limit: int | None,
    ) -> None:
        self.stores.ask(
            lambda storage: storage.backend.entries(
                saga_id, lo, hi, reverse=reverse, hidden=hidden, limit=limit
            )
        )
        self.stores.ask(
            lambda storage: storage.backend.touches(saga_id, key=key, lo=lo, hi=hi, limit=limit)
        )

    @rule(saga=st.none() | sagas, limit=limits, hours=st.sampled_from((0.0, 1.5, 2.5)))
    def list_documents_and_what_has_expired(
        self, saga: str | None, limit: int | None, hours: float
    ) -> None:
        now = to_micros(self.now + timedelta(hours=hours))
        for kind in ("k", "replay"):
            self.stores.ask(
                lambda storage, kind=kind: storage.backend.scan(kind, saga=saga, limit=limit)
            )

        async def expired(storage: SnapshotStorage) -> list[str]:
            return sorted(await storage.backend.expired(now))

        self.stores.ask(expired)

    # -- after each of these

    @invariant()
    def they_hold_the_same(self) -> None:
        self.stores.ask(_everything)

    # -- inside

    def take(
        self, saga_id: str, state: dict[str, Any], snapshot_id: str | None = None
    ) -> SagaSnapshot:
        """Return a checkpoint, under an id of its own unless one is given."""
        self.taken += 1
        own = str(UUID(int=self.taken)) if self.taken % 2 else f"id:{self.taken}"
        fields = {key: value for key, value in state.items() if key != "hours"}
        return snapshot(
            saga_id,
            **fields,
            retention_until=self.until(state["hours"]),
            snapshot_id=snapshot_id or own,
        )

    def draft(self, saga_id: str, offset: int, fence: int | None, state: dict[str, Any]) -> Append:
        """Return what would be a saga's next entry, or with an ``offset`` one too late or early."""
        row = self.row(saga_id)
        head = row.head if row else 0
        taken = self.take(saga_id, state)
        fields = {
            name: getattr(taken, name)
            for name in ("context", "status", "kind", "snapshot_id", "step_name")
        }
        append = append_of(
            saga_id,
            max(1, head + 1 + offset),
            root=row.root if row else REPLAYS.get(saga_id, saga_id),
            fence=fence,
            created_at=LATER + timedelta(seconds=20 + head),
            **fields,
        )
        wanted = append.saga
        if row is not None:
            # What a saga is from its first entry on, a writer leaves as it is.
            wanted = row._replace(
                status=wanted.status,
                step=wanted.step,
                updated=wanted.updated,
                head=wanted.head,
                keyframe=wanted.keyframe,
            )
        # Some have codes. None has a key: without it a storage would refuse to write to them.
        key = b"%d" % (self.taken % 3) if self.taken % 2 else None
        wanted = wanted._replace(mac=key)
        assert append.entry is not None
        append = append._replace(entry=append.entry._replace(mac=key))
        term = ROOTS[REPLAYS.get(saga_id, saga_id)]
        return append._replace(saga=wanted, owner="group", term=round(term * 1_000_000))

    def row(self, saga_id: str) -> SagaRow | None:
        found: SagaRow | None = self.stores.ask(lambda storage: storage.backend.saga(saga_id))
        return found

    def until(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.now + timedelta(hours=hours)


async def _everything(storage: SnapshotStorage) -> Any:
    """Return all that a store holds, row by row."""
    backend = storage.backend
    return [
        [
            (
                await backend.saga(saga_id),
                await backend.entries(saga_id, 1, END, hidden=True),
                await backend.touches(saga_id, key=None, lo=1, hi=END),
                await backend.tags(saga_id),
                await backend.family(saga_id),
            )
            for saga_id in SAGAS
        ],
        await backend.sagas(SagaQuery(), cursor=None, limit=1000),
        await backend.scan("k"),
        await backend.scan("replay"),
    ]


async def _families_without_a_saga(storage: SnapshotStorage) -> list[str]:
    """Return the families that one store lets go of when told to, and another by itself."""
    rows = [await storage.backend.saga(saga_id) for saga_id in SAGAS]
    roots = {row.root for row in rows if row is not None}
    return [
        root
        for root in SAGAS
        if root not in roots and await storage.backend.family(root) is not None
    ]
