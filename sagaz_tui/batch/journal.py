"""A batch as its store tells of it: begun in a shell, by a screen that was lost, or elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sagaz_core.model import BatchLogEntry, utc_now
from sagaz_core.process import host_name
from sagaz_tui.batch.progress import BatchProgress, ItemState
from sagaz_tui.replaying.stopping import CannotStopError
from sagaz_tui.showing.text import visible

if TYPE_CHECKING:
    from sagaz_core.replay.batch.standing import BatchStanding
    from sagaz_core.storage.storage import SnapshotStorage


class JournaledBatch:
    """A batch that is followed by its journal and by the replays that name it.

    Args:
        storage: where it is.
        standing: how it stands.
    """

    def __init__(self, storage: SnapshotStorage, standing: BatchStanding) -> None:
        self.stops = 0
        """How often it was told to stop from here."""
        self.progress = BatchProgress()
        self.standing = standing
        self._storage = storage
        self._since: datetime | None = None
        self._begin(standing.entry)

    def _begin(self, entry: BatchLogEntry) -> None:
        self.progress.batch_id, self.progress.total = entry.batch_id, len(entry.items)
        for saga_id, _, step, reason in entry.items:
            if step is None:
                self.progress.settle(saga_id, "skipped", reason=reason)

    async def refresh(self) -> None:
        """Take in what has become of it since.

        Raises:
            StorageError: the store cannot be read now.
        """
        # Imported here: the package has the engine in it, which looking does not need.
        from sagaz_core.replay.batch.standing import read_standing

        standing = await read_standing(self._storage, self.standing.entry)
        if standing.state != self.standing.state:
            # Whatever was missed is found when all is read once more.
            self._since, self.stops = None, 0
        await self._read_replays(standing)
        self.standing = standing
        if standing.state == "completed":
            self._take_rest(standing.entry)
        self._take_counts(standing.entry)
        if self.over:
            self.progress.take_standstill(self._done)
        else:
            self.progress.take_time(utc_now(), self._done)

    async def _read_replays(self, standing: BatchStanding) -> None:
        from sagaz_core.replay.batch.standing import replayed_items

        running: list[datetime] = []
        newest = self._since
        async for item, began in replayed_items(self._storage, standing.entry, since=self._since):
            newest = max(began, newest) if newest is not None else began
            if item.state == "running":
                running.append(began)
                continue
            self.progress.settle(
                item.saga_id,
                cast("ItemState", item.state),
                new_saga_id=item.new_saga_id,
                error=item.error,
            )
        self.progress.running = len(running) if standing.state == "running" else 0
        self._since = min(running, default=newest)

    def _take_rest(self, entry: BatchLogEntry) -> None:
        """Tell of those that have no replay though all is done: the journal has their number."""
        rest = [saga_id for saga_id, *_ in entry.items if not self.progress.knows(saga_id)]
        doubtful = entry.counts.get("in_doubt", 0)
        state: ItemState = "in_doubt" if doubtful == len(rest) else "skipped"
        words = f"{'in doubt' if doubtful else 'left out'}: the plan of its replay says why"
        if 0 < doubtful < len(rest):
            words = "left out or in doubt: the plan of its replay says why"
        for saga_id in rest:
            self.progress.settle(saga_id, state, reason=words)

    def _take_counts(self, entry: BatchLogEntry) -> None:
        """Count those too of which nothing but their number is known, once it has ended."""
        for state in ("skipped", "in_doubt"):
            known = 0 if entry.status == "completed" else self.progress.counts[state]
            self.progress.counts[state] = max(known, entry.counts.get(state, 0))

    @property
    def _done(self) -> int:
        return min(self.progress.counts.total(), self.progress.total)

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        return self.standing.state

    @property
    def over(self) -> bool:
        """Whether nobody works on it now."""
        return self.standing.state != "running"

    @property
    def trouble(self) -> str:
        """Why it ended without an end; empty: it has not."""
        if self.standing.state != "interrupted":
            return ""
        by = visible(self.standing.entry.initiated_by)
        return f"it was begun by {by}; the process that worked on it last is gone"

    def stop(self) -> None:
        """Let what is under way end and start nothing more; once more: cancel and undo that.

        Raises:
            CannotStopError: its process cannot be reached from here.
        """
        pid = self._reachable()
        try:
            os.kill(pid, signal.SIGINT)
        except OSError as error:
            raise CannotStopError(f"process {pid}: {error.strerror}") from error
        self.stops += 1

    def _reachable(self) -> int:
        """Return its process, if it is one of this program's on this machine."""
        owner = self.standing.owner
        place, _, pid = (owner or "").rpartition(":")
        if owner is None or not pid.isdecimal():
            raise CannotStopError("nobody is seen working on it; look again in a moment")
        if place.rpartition("@")[2] != host_name():
            raise CannotStopError(f"{visible(owner)} works on it; stop it there, with ctrl-c")
        shown = subprocess.run(
            ["ps", "-o", "args=", "-p", pid], capture_output=True, text=True, check=False
        )
        if not {"replay", "batch"} <= set(shown.stdout.split()):
            raise CannotStopError(
                f"it runs in process {pid}, which is no `sagaz replay batch` of this machine; "
                "stop it by its own program"
            )
        return int(pid)
