"""Stopping a run in a process of its own: what that undoes, or leaves uncertain."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from sagaz_core.errors import SagazError
from sagaz_core.model import RunInfo, SagaSnapshot
from sagaz_core.process import host_name
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.showing.text import visible

_PROGRAM: Final = frozenset({"sagaz", "sagaz-tui", "sagaz_tui"})


class CannotStopError(SagazError):
    """The run cannot be stopped from here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stoppable:
    """A replay, or a saga gone on with, that runs on this machine, and what its steps are doing.

    ``under_way`` are the steps, or the compensations, that run now. ``to_undo`` counts the steps
    that would be undone once those have ended.
    """

    pid: int
    under_way: tuple[str, ...]
    to_undo: int
    undoing: bool

    def stop(self) -> None:
        """Let it finish the steps under way and then undo what was done."""
        self._send(signal.SIGUSR1)

    def kill(self) -> None:
        """End its process where it is."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        _check_ours(self.pid)
        try:
            os.kill(self.pid, number)
        except OSError as error:
            raise CannotStopError(
                f"process {self.pid} cannot be reached: {error.strerror}; stop it as who runs it"
            ) from error


async def find_stoppable(storage: SnapshotStorage, saga_id: str) -> Stoppable:
    """Return the process of a saga that this program runs here.

    Raises:
        CannotStopError: it does not run, or not in such a process of this machine.
    """
    saga = await storage.get_saga(saga_id)
    family = await storage.get_family(saga.root_id) if saga else None
    if saga is None or family is None or not family.held:
        raise CannotStopError(f"{visible(saga_id)} does not run")
    if family.holder != saga_id:
        raise CannotStopError(f"{visible(saga_id)} does not run; {visible(family.holder)} does")
    pid = _pid_here(family.owner)
    _check_ours(pid)
    run = await storage.get_run(saga_id)
    if not (run.code or saga.code):
        raise CannotStopError(
            "it is run by an engine of its own, which cannot stop after a step; "
            f"`kill {pid}` on this machine cancels what is under way"
        )
    return _stoppable(pid, await storage.get_checkpoint(saga_id, saga.checkpoints), run)


def _stoppable(pid: int, last: SagaSnapshot, run: RunInfo) -> Stoppable:
    compensable = {step.name for step in run.steps if step.compensated} - set(run.kept)
    undoing = last.status == "compensating"
    begun = [last.step_name] if last.kind in ("before_step", "before_compensation") else []
    running = [] if undoing else last.running_steps
    under_way = tuple(dict.fromkeys(step for step in (*running, *begun) if step is not None))
    done = {*last.completed_steps, *running, *begun} - set(last.compensated_steps)
    return Stoppable(pid, under_way, len(done & compensable), undoing)


def _pid_here(owner: str) -> int:
    """Return the process of a lease's owner, which must be of this machine."""
    place, _, pid = owner.rpartition(":")
    user, _, host = place.rpartition("@")
    if not host or not pid.isdecimal():
        raise CannotStopError(f"it is run by {visible(owner)}; stop it there")
    if host != host_name():
        raise CannotStopError(
            f"it runs on {visible(host)}, in process {pid} of {visible(user)}; stop it there"
        )
    return int(pid)


def _check_ours(pid: int) -> None:
    """See that a process replays or resumes by this program: no other may get such a signal."""
    words = _words_of(pid)
    if not words:
        raise CannotStopError(
            f"its process {pid} is gone; `sagaz resume` goes on with it once its lease has run out"
        )
    programs = [place for place, word in enumerate(words) if PurePath(word).name in _PROGRAM]
    asked = words[programs[0] + 1 :] if programs else []
    if asked[:2] == ["replay", "batch"]:
        raise CannotStopError(f"it is one of a batch, which process {pid} runs; stop the batch")
    if asked[:2] != ["replay", "run"] and asked[:1] != ["resume"]:
        raise CannotStopError(
            f"it runs in process {pid}, which is no `sagaz replay run` or `sagaz resume`; stop it "
            "by its own program"
        )


def _words_of(pid: int) -> list[str]:
    """Return the command of a process, in words; none: there is no such process."""
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return command.decode(errors="replace").rstrip("\0").split("\0") if command else []
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.split()
