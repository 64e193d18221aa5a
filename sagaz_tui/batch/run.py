"""A batch of replays: planned apart from the screen, and run in a process that outlives it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sagaz_tui.batch.progress import BatchProgress, ItemState
from sagaz_tui.batch.request import BatchRequest, InDoubt, request_text
from sagaz_tui.replaying.planning import in_thread
from sagaz_tui.replaying.private_folder import runtime_folder, runtime_place
from sagaz_tui.replaying.process import last_words, run_apart
from sagaz_tui.settings import Settings

if TYPE_CHECKING:
    from sagaz_core.model import BatchLogEntry
    from sagaz_core.replay.batch import BatchEvent, BatchPreview
    from sagaz_core.storage.storage import SnapshotStorage

_AT_ONCE = 1 << 20


async def make_preview(
    settings: Settings, request: BatchRequest, tell: Callable[[int, int], None]
) -> BatchPreview:
    """Return what a batch would do; the store is opened anew, read-only, and nothing runs.

    It is made in a thread with a loop of its own, as building the sagas is other people's code.

    Args:
        settings: which store and whose code.
        request: what is asked for.
        tell: called in this loop with how many are planned, and of how many.

    Raises:
        SagazError: there is no preview to show, and why.
    """
    loop = asyncio.get_running_loop()

    def on_event(event: BatchEvent) -> None:
        loop.call_soon_threadsafe(tell, event.done, event.total)

    return await in_thread(lambda: asyncio.run(_preview(settings, request, on_event)))


async def _preview(
    settings: Settings, request: BatchRequest, on_event: Callable[[BatchEvent], None]
) -> BatchPreview:
    # Imported here: a screen that only looks needs neither the engine nor the person's code.
    from sagaz_core.replay.batch import BatchReplay, BatchSelection
    from sagaz_core.replay.batch.planning import preview_of
    from sagaz_tui.saga_code.loading import load_all_code
    from sagaz_tui.stores import open_existing

    async with open_existing(settings, read_only=True) as storage:
        batch = BatchReplay(
            storage,
            BatchSelection(saga_ids=request.saga_ids),
            overrides=request.overrides,
            allow_type=request.allow_type,
            saga_overrides=request.saga_overrides,
            in_doubt=request.in_doubt,
            saga_factory=load_all_code(settings, None),
        )
        return preview_of(await batch.dry_run(on_event=on_event))


class BatchRun:
    """A batch that runs in a process of its own; what it writes tells how far it is.

    Args:
        pid: its process.
        log: the file that its output goes to.
    """

    def __init__(self, pid: int, log: Path) -> None:
        self.stops = 0
        """How often it was told to stop from here."""
        self.progress = BatchProgress()
        self.pid = pid
        self._log = log
        self._read = 0
        self._gone = False

    @classmethod
    def start(cls, settings: Settings, request: BatchRequest) -> BatchRun:
        """Start a batch; what it is about goes over stdin.

        Raises:
            UnsafeFolderError: there is no place for its output.
        """
        words = ["--request=-", "--yes"]
        if request.reason is not None:
            words.append(f"--reason={request.reason}")
        return cls._apart(settings, words, request_text(request))

    @classmethod
    def resume(
        cls, settings: Settings, batch_id: str, *, canary: bool, in_doubt: InDoubt
    ) -> BatchRun:
        """Go on with what is left of a batch.

        Args:
            settings: which store and whose code.
            batch_id: the batch.
            canary: whether one has to succeed before the others.
            in_doubt: what happens with steps in doubt.

        Raises:
            UnsafeFolderError: there is no place for its output.
        """
        words = [f"--resume={batch_id}", *(() if canary else ("--no-canary",))]
        if in_doubt is not None:
            words.append(f"--in-doubt={in_doubt}")
        run = cls._apart(settings, words, "")
        run.progress.batch_id = batch_id
        return run

    @classmethod
    def _apart(cls, settings: Settings, words: Sequence[str], stdin: str) -> BatchRun:
        log = runtime_folder() / f"batch-{secrets.token_hex(8)}.log"
        process = run_apart(settings, command(words), stdin.encode(), log)
        # By this name another screen finds it.
        return cls(process.pid, log.rename(log.with_name(f"batch-{process.pid}.log")))

    async def refresh(self) -> None:
        """Take in what it has written since."""
        await asyncio.to_thread(self.read)

    async def learn(self, storage: SnapshotStorage, entry: BatchLogEntry) -> None:
        """Take in what had become of the batch's sagas before this process went on with it.

        Raises:
            StorageError: the store cannot be read now.
        """
        from sagaz_core.replay.batch.standing import replayed_items

        async for item, _ in replayed_items(storage, entry):
            if item.state != "running":
                state = cast("ItemState", item.state)
                self.progress.settle(
                    item.saga_id, state, new_saga_id=item.new_saga_id, error=item.error
                )
        if self.over:
            # One that was cancelled has ended without an event.
            self.progress.done = max(self.progress.done, self.progress.settled)
            self.progress.running = 0

    def read(self) -> None:
        """Take in what it has written since; only whole lines count."""
        gone = not _leads_a_session(self.pid)
        with self._log.open("rb") as file:
            file.seek(self._read)
            while piece := file.read(_AT_ONCE):
                whole = piece.rfind(b"\n") + 1
                if not whole:
                    break
                for line in piece[:whole].decode(errors="replace").splitlines():
                    self.progress.take(line)
                self._read += whole
                file.seek(self._read)
        self._gone = gone

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        return "ended" if self.over else "running"

    @property
    def over(self) -> bool:
        """Whether its process is gone, and all that it wrote has been read."""
        return self._gone

    @property
    def trouble(self) -> str:
        """Why it ended without an end; empty: it has not."""
        return last_words(self._log) if self._gone and not self.progress.ended else ""

    def stop(self) -> None:
        """Let what is under way end and start nothing more; once more: cancel and undo that."""
        self.stops += 1
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)


def runs_under_way() -> list[BatchRun]:
    """Return the batches that run, as far as screens of this user have started them here."""
    found: list[BatchRun] = []
    if not runtime_place().exists():
        return found
    for log in runtime_folder().glob("batch-*.log"):
        pid = log.stem.removeprefix("batch-")
        if pid.isdecimal() and _leads_a_session(int(pid)):
            run = BatchRun(int(pid), log)
            run.read()
            found.append(run)
    return found


def _leads_a_session(pid: int) -> bool:
    """Whether a process is alive that leads a session, as that of a batch does."""
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def command(words: Sequence[str]) -> list[str]:
    """Return the process's arguments, these words at their end."""
    return [sys.executable, "-P", "-m", "sagaz_tui", "replay", "batch", *words]
