"""Recording as one would write it by hand: the whole state as JSON, for each checkpoint."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import redis.asyncio

from benchmarks.shapes import Shape


class PlainSQLite:
    """One row and one synced commit a checkpoint, on a connection of this thread's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE checkpoint (saga TEXT, seq INTEGER, step TEXT, body TEXT, "
            "PRIMARY KEY (saga, seq))"
        )

    def record(self, shape: Shape) -> float:
        """Record the shape's sagas, one after another; returns seconds."""
        execute = self._connection.execute
        started = time.perf_counter()
        for saga in range(shape.sagas):
            context = shape.start()
            for step in range(shape.steps + 1):
                execute("BEGIN")
                execute(
                    "INSERT INTO checkpoint VALUES (?, ?, ?, ?)",
                    (f"saga_{saga}", step, f"step_{step}", json.dumps(context)),
                )
                execute("COMMIT")
                if step < shape.steps:
                    shape.change(context, step)
        return time.perf_counter() - started

    def read(self, steps: Sequence[int]) -> list[float]:
        """Read checkpoints of the first saga; returns the seconds that each took."""
        times = []
        for step in steps:
            started = time.perf_counter()
            (body,) = self._connection.execute(
                "SELECT body FROM checkpoint WHERE saga = 'saga_0' AND seq = ?", (step,)
            ).fetchone()
            json.loads(body)
            times.append(time.perf_counter() - started)
        return times

    def close(self) -> None:
        self._connection.close()


class PlainRedis:
    """One pipelined SET and ZADD a checkpoint, as many sagas at once as the shape has."""

    def __init__(self, url: str) -> None:
        self._url = url

    def record(self, shape: Shape) -> float:
        """Record the shape's sagas; returns seconds."""
        return asyncio.run(self._record(shape))

    async def _record(self, shape: Shape) -> float:
        async with redis.asyncio.from_url(self._url) as client:
            await client.ping()
            free = asyncio.Semaphore(shape.at_once)

            async def one(saga: int) -> None:
                async with free:
                    context = shape.start()
                    for step in range(shape.steps + 1):
                        async with client.pipeline(transaction=False) as pipeline:
                            pipeline.set(f"plain:{saga}:{step}", json.dumps(context))
                            pipeline.zadd(f"plain:{saga}", {str(step): time.time()})
                            await pipeline.execute()
                        if step < shape.steps:
                            shape.change(context, step)

            started = time.perf_counter()
            await asyncio.gather(*(one(saga) for saga in range(shape.sagas)))
            return time.perf_counter() - started

    def read(self, steps: Sequence[int]) -> list[float]:
        """Read checkpoints of the first saga; returns the seconds that each took."""
        return asyncio.run(self._read(steps))

    async def _read(self, steps: Sequence[int]) -> list[float]:
        times = []
        async with redis.asyncio.from_url(self._url) as client:
            await client.ping()
            for step in steps:
                started = time.perf_counter()
                json.loads(await client.get(f"plain:0:{step}"))
                times.append(time.perf_counter() - started)
        return times
