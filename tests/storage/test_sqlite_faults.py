"""A full disk, a locked file, a disk that fails: a saga goes on, and its recording comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from sagaz_core.config import ReplayConfig, SagaConfig
from sagaz_core.errors import SnapshotCaptureError, StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.saga import recording
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.sqlite import connection as connections
from tests.saga.sagas import Built, Ledger
from tests.storage.small_disk import SmallDisk, small_disk

BIG = os.urandom(50_000).hex()


def snapshot(saga_id: str = "s", **fields: object) -> SagaSnapshot:
    return SagaSnapshot(saga_id=saga_id, saga_name="S", **fields)  # type: ignore[arg-type]


def config(on_capture_error: Literal["continue", "raise"]) -> SagaConfig:
    return SagaConfig(
        replay_config=ReplayConfig(enable_snapshots=True, on_capture_error=on_capture_error)
    )


def is_sound(path: Path) -> bool:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found == [("ok",)]


# ---------------------------------------------------------------- a full disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder) as disk:
        yield disk


def filling(disk: SmallDisk, storage: SQLiteSnapshotStorage, ledger: Ledger) -> Any:
    """Return a build of five steps, of which the second and third run while the disk is full."""

    def step(name: str, before: Any = None) -> Any:
        async def act(ctx: Any) -> None:
            ledger.append(name)
            ctx[f"by_{name}"] = name.join(map(str, range(5_000)))
            if before is not None:
                await before(storage)

        return act

    async def build(saga: Saga) -> None:
        await saga.add_step("a", step("a", disk.fill), ledger.undoes("a"))
        await saga.add_step("b", step("b"), ledger.undoes("b"))
        await saga.add_step("c", step("c", disk.free), ledger.undoes("c"))
        await saga.add_step("d", step("d"))

    return build


async def test_on_a_full_disk_a_saga_goes_on_and_recording_comes_back_with_the_space(
    disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    path = disk.folder / "s.db"
    ledger = Ledger()
    async with SQLiteSnapshotStorage(path) as storage:
        saga = Built(filling(disk, storage, ledger), saga_id="s", snapshot_storage=storage)
        with caplog.at_level(logging.WARNING, logger="sagaz"):
            result = await saga.execute()
        assert ledger == ["a", "b", "c", "d"]
        assert (result.status, result.capture_errors) == ("completed", 2)
        assert caplog.text.count("the disk is full; free some space") == 2
        found = await storage.list_checkpoints("s")
        assert [(each.kind, each.step_name, each.gap) for each in found] == [
            ("before_step", "a", 0),
            ("before_step", "d", 2),
            ("completed", None, 0),
        ]
        last = await storage.get_checkpoint("s", 3)
        keys = {f"by_{name}" for name in "abcd"}
        assert last.context.keys() == keys
        assert {touch.key for touch in await storage.list_changes("s")} == keys
    assert is_sound(path)


async def test_a_full_disk_fails_a_saga_that_must_be_recorded_and_it_is_undone(
    disk: SmallDisk,
) -> None:
    ledger = Ledger()
    async with SQLiteSnapshotStorage(disk.folder / "s.db") as storage:
        saga = Built(
            filling(disk, storage, ledger),
            saga_id="s",
            config=config("raise"),
            snapshot_storage=storage,
        )
        result = await saga.execute()
        assert ledger == ["a", "-a"]
        assert (result.status, result.compensation) == ("failed", "completed")
        assert isinstance(result.error, SnapshotCaptureError)
        assert "the disk is full; free some space" in str(result.error)


async def test_a_store_on_a_full_disk_can_still_be_read_and_what_is_in_it_stays_whole(
    disk: SmallDisk,
) -> None:
    path = disk.folder / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for number in range(1, 4):
            await storage.save_snapshot(snapshot(context={"n": number}))
        await disk.fill(storage)
        refused = 0
        while refused < 3:
            try:
                await storage.save_snapshot(snapshot(f"full{refused}", context={"big": BIG}))
            except StorageUnavailableError as error:
                assert "the disk is full" in str(error)  # noqa: PT017
                refused += 1
            else:
                raise AssertionError("it was stored on a full disk")
            assert [each.sequence for each in await storage.list_checkpoints("s")] == [1, 2, 3]
            assert (await storage.get_checkpoint("s", 3)).context == {"n": 3}
        await disk.free(storage)
        assert await storage.save_snapshot(snapshot(context={"n": 4})) == 4
        assert {saga.saga_id for saga in (await storage.list_sagas()).sagas} == {"s"}
    assert is_sound(path)


# ---------------------------------------------------------------- a disk that fails


LIMITED = """
import asyncio, resource, sys
from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage

async def main(path):
    async with SQLiteSnapshotStorage(path) as storage:
        saved = 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        while True:
            items = [str(n) * 50 for n in range(saved * 100, saved * 100 + 100)]
            snapshot = SagaSnapshot(saga_id="s", saga_name="S", context={str(saved): items})
            try:
                await storage.save_snapshot(snapshot)
            except StorageUnavailableError as error:
                print(error)
                break
            saved += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert await storage.save_snapshot(snapshot) == saved + 1
        assert len(await storage.list_snapshots("s")) == saved + 1

asyncio.run(main(sys.argv[1]))
"""


def test_a_write_that_the_system_refuses_is_told_and_the_next_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "check the disk, its quota and the limits of this process" in done.stdout
    assert is_sound(path)


# ---------------------------------------------------------------- a locked file


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    connection.execute("BEGIN EXCLUSIVE" if line == "lock\\n" else "ROLLBACK")
    print("done", flush=True)
"""


class Holder:
    """Another process, which can lock a store and let it go."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def lock(self) -> None:
        """Begin to write, and stay there."""
        self._tell("lock")

    def let_go(self) -> None:
        """Give it up."""
        self._tell("let go")


@contextmanager
def holder_of(path: Path) -> Iterator[Holder]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Holder(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


async def test_a_saga_goes_on_while_its_store_is_locked_and_recording_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.1)
    path = tmp_path / "s.db"
    ledger = Ledger()
    async with SQLiteSnapshotStorage(path) as storage, SQLiteSnapshotStorage(path) as watching:
        await storage.save_snapshot(snapshot("other"))
        with holder_of(path) as holder:

            async def lock(ctx: Any) -> None:
                ledger.append("a")
                holder.lock()

            async def look(ctx: Any) -> None:
                ledger.append("b")
                # What was there before can be read by whoever has the store open.
                for each in (storage, watching):
                    assert [found.kind for found in await each.list_checkpoints("s")] == [
                        "before_step"
                    ]

            async def let_go(ctx: Any) -> None:
                ledger.append("c")
                holder.let_go()

            async def build(saga: Saga) -> None:
                await saga.add_step("a", lock)
                await saga.add_step("b", look)
                await saga.add_step("c", let_go)
                await saga.add_step("d", ledger.does("d"))

            with caplog.at_level(logging.WARNING, logger="sagaz"):
                saga = Built(build, saga_id="s", snapshot_storage=storage)
                result = await saga.execute()
        assert ledger == ["a", "b", "c", "d"]
        assert (result.status, result.capture_errors) == ("completed", 2)
        assert caplog.text.count("has been locked by another process") == 2
        found = await watching.list_checkpoints("s")
        assert [(each.kind, each.gap) for each in found] == [
            ("before_step", 0),
            ("before_step", 2),
            ("completed", 0),
        ]
    assert is_sound(path)


async def test_a_lock_that_is_let_go_in_time_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        await storage.save_snapshot(snapshot())
        with holder_of(path) as holder:
            holder.lock()
            saving = asyncio.ensure_future(storage.save_snapshot(snapshot()))
            # The event loop is not held up by it.
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not saving.done()
            holder.let_go()
            assert await asyncio.wait_for(saving, 5) == 2


# ---------------------------------------------------------------- a store that is replaced


async def test_a_saga_goes_on_when_its_store_is_replaced_and_is_recorded_in_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LEASE_TERM", 0.06)
    path = tmp_path / "s.db"
    async with SQLiteSnapshotStorage(path) as storage:
        async with SQLiteSnapshotStorage(tmp_path / "new.db") as new:
            await new.open()

        async def replace(ctx: Any) -> None:
            (tmp_path / "new.db").rename(path)
            # Longer than a beat of its lease takes, of which the new store knows nothing.
            await asyncio.sleep(0.2)

        async def build(saga: Saga) -> None:
            for name in "abcd":
                await saga.add_step(name, replace if name == "b" else Ledger().does(name))

        result = await Built(build, saga_id="s", snapshot_storage=storage).execute()
        assert result.status == "completed", result.error
        found = await storage.list_checkpoints("s")
        assert [(each.step_name, each.gap) for each in found] == [("d", 1), (None, 0)]
    assert is_sound(path)
