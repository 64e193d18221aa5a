"""A night on which all orders fail, and the workers that replay them as one batch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sagaz_core import open_storage
from tests.end_to_end.orders import Call, PaidOnceSaga, calls

ROOT: Final = Path(__file__).parents[2]
LEASE_SECONDS: Final = 6.0
AT_ONCE: Final = 8
PATIENCE: Final = 300.0
"""Seconds after which a worker that has not ended never will."""


class Worker:
    """The real command in a process of its own."""

    def __init__(self, folder: Path, url: str, *arguments: str) -> None:
        self.events = folder / f"events-{uuid4().hex}"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")}
        with self.events.open("wb") as stderr:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.end_to_end.short_lease_process"),
                    *(str(LEASE_SECONDS), "replay", "batch", *arguments),
                    *("--concurrency", str(AT_ONCE), "--format", "json"),
                ],
                cwd=folder,
                env={
                    **ours,
                    "PYTHONPATH": str(ROOT),
                    "SAGAZ_SAGAS": "tests.end_to_end.orders",
                    "SAGAZ_STORAGE_URL": url,
                },
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def told(self) -> list[dict[str, Any]]:
        """The events that it has told so far."""
        lines = self.events.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def kill(self) -> None:
        """End it with no warning."""
        self.process.kill()
        self.process.communicate()

    def succeeds(self) -> dict[str, Any]:
        """Wait for its end; return what it reports, which is that all succeeded."""
        report = self.report()
        others = [
            (item["saga_id"], item["state"], item["error"] or item["reason"])
            for item in report["items"]
            if item["state"] != "succeeded"
        ]
        assert not others, (report["stopped_because"], others[:5])
        assert report["status"] == "completed"
        return report

    def report(self) -> dict[str, Any]:
        """Wait for its end; return what it reports."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        assert out, self.events.read_text()[-2000:]
        report: dict[str, Any] = json.loads(out)
        well = report["succeeded"] == report["total"]
        assert self.process.returncode == (0 if well else 1)
        return report


class Night:
    """Failed orders, the ledger of what was done for them, and the workers on their batch."""

    def __init__(self, folder: Path, url: str, saga_class: type[PaidOnceSaga], count: int) -> None:
        self.folder, self.url, self.saga_class, self.count = folder, url, saga_class, count
        self.orders = {f"order_{number}" for number in range(count)}
        self.workers: list[Worker] = []
        self.recorded: set[tuple[str, str]] = set()
        """Steps, by saga, that were recorded as completed when a worker was killed."""

    async def fall(self) -> None:
        """Let all orders fail: the gateway is down."""
        gate = asyncio.Semaphore(50)
        async with open_storage(self.url) as store:

            async def run(order_id: str) -> None:
                async with gate:
                    await self.saga_class(
                        {"order_id": order_id, "gateway": "main"},
                        saga_id=order_id,
                        snapshot_storage=store,
                    ).execute()

            await asyncio.gather(*map(run, self.orders))

    def begin(self) -> tuple[str, Worker]:
        """Begin the batch; return its id and the worker that does."""
        worker = self.start("--override", "gateway=backup", "--yes")
        return self.wait_for(worker.told)[0]["batch_id"], worker

    def start(self, *arguments: str) -> Worker:
        """Start a worker."""
        self.workers.append(Worker(self.folder, self.url, *arguments))
        return self.workers[-1]

    def wait_for(self, happened: Callable[[], Any]) -> Any:
        """Wait until this is so; no worker may have ended by itself before."""
        deadline = time.monotonic() + PATIENCE
        while not (found := happened()):
            assert time.monotonic() < deadline
            for worker in self.workers:
                ended = worker.process.poll()
                assert ended in (None, -signal.SIGKILL), worker.events.read_text()[-2000:]
            time.sleep(0.01)
        return found

    def wait_until_unanswered(self, worker: Worker) -> None:
        """Wait until the gateway has taken a worker's money and not answered it."""
        pid = worker.process.pid
        self.wait_for(
            lambda: any(call.effect == "stalled" and call.pid == pid for call in calls(self.folder))
        )

    def kill(self, worker: Worker) -> None:
        """Kill a worker while the gateway has taken its money and not answered it."""
        self.wait_until_unanswered(worker)
        worker.kill()
        pid = worker.process.pid
        asyncio.run(self._note_recorded({c.saga_id for c in calls(self.folder) if c.pid == pid}))

    async def _note_recorded(self, saga_ids: set[str]) -> None:
        async with open_storage(self.url, read_only=True) as store:
            for saga_id in saga_ids:
                latest = await store.get_latest_snapshot(saga_id)
                if latest is not None:
                    self.recorded |= {(saga_id, step) for step in latest.completed_steps}

    def ran_again(self, made: list[Call]) -> set[tuple[str, str]]:
        """Steps that were recorded when a worker was killed, and that ran again since."""
        counts = Counter((call.saga_id, call.effect) for call in made)
        return {step for step in self.recorded if counts[step] != 1}

    def close(self) -> None:
        """End the workers that are left."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
