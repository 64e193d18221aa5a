"""``sagaz forget`` from the command line to the last byte, on a file and on a server's files."""

from __future__ import annotations

import asyncio
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import redis

from sagaz_core.model import SagaSnapshot, StepError
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.redis_server import RedisServer
from tests.cli.command import Command
from tests.cli.conftest import _nobodys_settings, command  # noqa: F401
from tests.compliance.test_forgetting import SECRETS, fill, journal

WORDS = ("forgettable", "customer-4711@example.org", "an error of 4711", "card of 4711")


class Place(Protocol):
    """A store, its files, and what keeps them from being written anew for a while."""

    url: str

    def open(self) -> SnapshotStorage:
        """Open it with its keys."""

    def files(self) -> list[Path]:
        """Return what is on the disk of it."""

    def kept_busy(self) -> AbstractContextManager[None]:
        """Keep what was deleted from going."""


class InFile:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "s.db"
        self.url = str(self.path)

    def open(self) -> SnapshotStorage:
        return SQLiteSnapshotStorage(self.path, compliance=SECRETS)

    def files(self) -> list[Path]:
        return list(self.path.parent.glob("s.db*"))

    @contextmanager
    def kept_busy(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM entry").fetchone()
            yield


class OnServer:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.url = server.url

    def open(self) -> SnapshotStorage:
        return RedisSnapshotStorage(self.url, enable_compression=False, compliance=SECRETS)

    def files(self) -> list[Path]:
        return [each for each in self.server.folder.rglob("*") if each.suffix in (".aof", ".rdb")]

    @contextmanager
    def kept_busy(self) -> Iterator[None]:
        with redis.Redis(port=self.server.port) as client:
            # The snapshot that is under way takes a second a key, and the log waits for it.
            client.config_set("rdb-key-save-delay", 1_000_000)
            client.bgsave()
            yield
            client.config_set("rdb-key-save-delay", 0)
            client.execute_command("BGSAVE", "CANCEL")


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield InFile(tmp_path)
        return
    options = {"save": "3600 1"}
    with RedisServer(tmp_path / "server", durable=True, options=options) as server:
        yield OnServer(server)


async def record(place: Place) -> list[bytes]:
    """Record two families of one customer and one of another; return the keys of the two."""
    async with place.open() as storage:
        await fill(storage, "gone", WORDS[0])
        await fill(storage, "kept", "what stays")
        await journal(storage, WORDS[1])
        snapshot = SagaSnapshot(
            saga_id="tagged",
            saga_name="Order",
            status="failed",
            kind="failed",
            step_name="charge",
            context={"secret": WORDS[3], "note": WORDS[0]},
            error=StepError("E", WORDS[2], WORDS[2]),
        )
        tags = {"customer": WORDS[1]}
        await storage.writer(saga_id="tagged", saga_name="Order", tags=tags).append(
            capture(snapshot)
        )
        rows = [await storage.backend.saga(saga_id) for saga_id in ("gone", "gone~r1", "tagged")]
        return [row.wrapped_key for row in rows if row is not None and row.wrapped_key is not None]


def left(place: Place, keys: list[bytes]) -> set[bytes]:
    """Return which of the words and keys are in a file."""
    stored = b"".join(file.read_bytes() for file in place.files())
    return {each for each in (*(word.encode() for word in WORDS), *keys) if each in stored}


def test_a_customer_is_forgotten_to_the_last_byte(
    place: Place,
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = asyncio.run(record(place))
    if isinstance(place, OnServer):
        with redis.Redis(port=place.server.port) as client:
            client.save()
    # The secret is nowhere from the beginning; all else is there, three times a key.
    assert left(place, keys) == {*(word.encode() for word in WORDS[:3]), *keys}
    assert len(keys) == 3
    at, json = ("--storage-url", place.url), ("--format", "json")
    with place.kept_busy(), monkeypatch.context() as patch:
        patch.setattr("sagaz_tui.cli.forget.PATIENCE", 0.0)
        pending = command("forget", "--tag", f"customer={WORDS[1]}", "--yes", *at, *json)
        assert (pending.code, pending.json["state"], pending.json["sagas"]) == (1, "pending", 1)
        assert command("show", "tagged", *at).code == 3
        assert left(place, keys)
    # Its tag is gone; the command that is named needs none.
    words = pending.err.partition("`sagaz ")[2].partition("`")[0]
    assert words == "forget tagged --yes"
    again = command(*shlex.split(words), *at, *json)
    assert (again.code, again.json) == (
        0,
        {"state": "done", "families": ["tagged"], "sagas": 0, "checkpoints": 0},
    )
    assert not {WORDS[2].encode(), keys[2]} & left(place, keys)
    done = command("forget", "gone~r1", "--yes", *at, *json)
    assert (done.code, done.json["state"], done.json["sagas"]) == (0, "done", 2)
    assert left(place, keys) == set()
    assert command("forget", "gone~r1", "--yes", *at).code == 0
    told = command("show", "gone~r1", *at)
    assert (told.code, "'gone~r1' was forgotten" in told.err) == (3, True)
    assert command("show", "kept", *at).code == 0
