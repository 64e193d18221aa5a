"""Starts a replay in a process of its own, which outlives the screen that started it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sagaz_core.errors import SagazError, StorageError
from sagaz_tui.replaying.output import new_output, new_request_id, read_output
from sagaz_tui.settings import Settings

if TYPE_CHECKING:
    from sagaz_core.replay.overrides import Override
    from sagaz_core.storage.storage import SnapshotStorage

_POLL: Final = 0.03
_LAST_LINES: Final = 3
_COMPLAINTS: Final = ("sagaz: ", "problem: ")


class ReplayNotStartedError(SagazError):
    """The process ended before its replay began; the message has its last words.

    ``log`` is the file with all of them.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(last_words(log))
        self.log = log


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a person asks for, before it is planned.

    Args:
        saga_id: the saga to grow a branch from.
        from_step: the step to start at.
        overrides: staged edits, in order.
        allow_type: JSON Pointers at which a value may be of another type than recorded.
        snapshot_id: one checkpoint exactly; None: the step's newest.
        compensated: what happens with restored steps that were undone since.
        in_doubt: what happens with steps in doubt; None: nobody has chosen.
        again: whether to replay what a replay has recovered already.
        reason: why, for the replay log; a store in production asks for one.
    """

    saga_id: str
    from_step: str
    overrides: tuple[Override, ...] = ()
    allow_type: tuple[str, ...] = ()
    snapshot_id: str | None = None
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    in_doubt: Literal["retry", "skip"] | None = None
    again: bool = False
    reason: str | None = None


async def start_replay(
    storage: SnapshotStorage, settings: Settings, request: ReplayRequest, digest: str
) -> str:
    """Start a replay and return its id as soon as the store knows of it.

    Cancelling this stops waiting, never the replay.

    Args:
        storage: where the replay will show; only read.
        settings: which store and whose code.
        request: what is asked for.
        digest: of the plan that was shown; the process refuses any other.

    Raises:
        ReplayNotStartedError: the process ended before anything ran.
        UnsafeFolderError: there is no place for its output.
    """
    request_id = new_request_id()
    log = new_output(request_id)
    process = await asyncio.to_thread(launch, settings, request, digest, request_id, log)
    while True:
        ended = process.poll() is not None
        # While the store is out of reach from here, it is not known whether it has begun.
        with contextlib.suppress(StorageError):
            for entry in await storage.list_replays(request.saga_id):
                if entry.request_id == request_id:
                    return entry.replay_id
            if ended:
                raise ReplayNotStartedError(log)
        await asyncio.sleep(_POLL)


def launch(
    settings: Settings, request: ReplayRequest, digest: str, request_id: str, log: Path
) -> subprocess.Popen[bytes]:
    """Start a replay's process, as :func:`run_apart` does; the values to set go over stdin."""
    values = json.dumps([str(each) for each in request.overrides]).encode()
    return run_apart(settings, command(request, digest, request_id), values, log)


def run_apart(
    settings: Settings, words: Sequence[str], stdin: bytes, log: Path
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to a new file that only this user can read.

    It has a session of its own, so that a terminal that closes does not reach it. The store's
    address goes through the environment, as others can read argv.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            env={**os.environ, **_environment(settings)},
        )
    finally:
        os.close(descriptor)
    # Waited for where nobody needs to wait, so that it leaves no zombie behind.
    threading.Thread(target=process.wait, name="sagaz-replay", daemon=True).start()
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(stdin)
    return process


def command(request: ReplayRequest, digest: str, request_id: str) -> list[str]:
    """Return the process's arguments; values stand with their option, whatever they begin with."""
    words = [sys.executable, "-P", "-m", "sagaz_tui", "replay", "run"]
    words += [f"--from-step={request.from_step}", "--overrides=-", f"--plan-digest={digest}"]
    words.append(f"--request-id={request_id}")
    words += [f"--allow-type={pointer}" for pointer in request.allow_type]
    words.append(f"--compensated={request.compensated}")
    if request.in_doubt is not None:
        words.append(f"--in-doubt={request.in_doubt}")
    if request.again:
        words.append("--again")
    if request.reason is not None:
        words.append(f"--reason={request.reason}")
    if request.snapshot_id is not None:
        words.append(f"--snapshot={request.snapshot_id}")
    return [*words, "--", request.saga_id]


def _environment(settings: Settings) -> dict[str, str]:
    """The settings that the screen itself has, for the process to have the same."""
    return {
        "SAGAZ_STORAGE_URL": settings.storage_url,
        "SAGAZ_SAGAS": ",".join(settings.sagas),
        "SAGAZ_READ_ONLY": "0",
    }


def last_words(log: Path) -> str:
    """Return what a process that came to nothing said against it."""
    lines = read_output(log).lines
    said = [line.split(": ", 1)[1] for line in lines if is_complaint(line)]
    said = said or [line for line in lines if line.strip()]
    return " ".join(said[-_LAST_LINES:]) or f"the replay's process ended without a word; see {log}"


def is_complaint(line: str) -> bool:
    """Whether a line is one in which the program itself says what is wrong."""
    return line.startswith(_COMPLAINTS)
