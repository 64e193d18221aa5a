"""A batch of replays: planned apart from the screen, and run in a process that outlives it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagaz_tui.batch_progress import BatchProgress
from sagaz_tui.planning import in_thread
from sagaz_tui.private_folder import runtime_folder, runtime_place
from sagaz_tui.replay_process import last_words, run_apart
from sagaz_tui.settings import Settings

if TYPE_CHECKING:
    from sagaz_core.replay.batch import BatchEvent, BatchPreview

_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Which sagas to replay, each from its failed step, and why."""

    saga_ids: tuple[str, ...]
    reason: str | None = None


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
    from sagaz_tui.cli.code import load_all_code
    from sagaz_tui.cli.stores import open_existing

    async with open_existing(settings, read_only=True) as storage:
        selection = BatchSelection(saga_ids=request.saga_ids)
        batch = BatchReplay(storage, selection, saga_factory=load_all_code(settings, None))
        return preview_of(await batch.dry_run(on_event=on_event))


class BatchRun:
    """A batch that runs in a process of its own; what it writes tells how far it is.

    Args:
        request: what was asked for.
        pid: its process.
        log: the file that its output goes to.
    """

    def __init__(self, request: BatchRequest, pid: int, log: Path) -> None:
        self.request = request
        self.stops = 0
        """How often it was told to stop from here."""
        self.progress = BatchProgress()
        self._pid = pid
        self._log = log
        self._read = 0
        self._gone = False

    @classmethod
    def start(cls, settings: Settings, request: BatchRequest) -> BatchRun:
        """Start a batch; the ids go over stdin.

        Raises:
            UnsafeFolderError: there is no place for its output.
        """
        ids = "".join(f"{saga_id}\n" for saga_id in request.saga_ids)
        log = runtime_folder() / f"batch-{secrets.token_hex(8)}.log"
        process = run_apart(settings, command(request), ids.encode(), log)
        # By this name another screen finds it.
        return cls(request, process.pid, log.rename(log.with_name(f"batch-{process.pid}.log")))

    def read(self) -> None:
        """Take in what it has written since; only whole lines count."""
        gone = not _leads_a_session(self._pid)
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
            os.kill(self._pid, signal.SIGINT)


def batches_under_way() -> list[BatchRun]:
    """Return the batches that run, as far as screens of this user have started them here."""
    found: list[BatchRun] = []
    if not runtime_place().exists():
        return found
    for log in runtime_folder().glob("batch-*.log"):
        pid = log.stem.removeprefix("batch-")
        if pid.isdecimal() and _leads_a_session(int(pid)):
            run = BatchRun(BatchRequest(()), int(pid), log)
            run.read()
            found.append(run)
    return found


def _leads_a_session(pid: int) -> bool:
    """Whether a process is alive that leads a session, as that of a batch does."""
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def command(request: BatchRequest) -> list[str]:
    """Return the process's arguments."""
    words = [sys.executable, "-m", "sagaz_tui", "replay", "batch", "--ids=-", "--yes"]
    return words if request.reason is None else [*words, f"--reason={request.reason}"]
