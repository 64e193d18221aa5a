"""Stopping a replay that runs in a process of its own: what that would undo, or leave uncertain."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass

from sagaz_core.errors import SagazError
from sagaz_core.model import RunInfo, SagaSnapshot
from sagaz_core.saga.process import host_name
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.text import visible


class CannotStopError(SagazError):
    """The replay cannot be stopped from here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stoppable:
    """A replay that runs on this machine, and what its steps are doing.

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
        _check_replays(self.pid)
        try:
            os.kill(self.pid, number)
        except OSError as error:
            raise CannotStopError(f"process {self.pid}: {error.strerror}") from error


async def find_stoppable(storage: SnapshotStorage, saga_id: str) -> Stoppable:
    """Return the process of a replay that runs here.

    Raises:
        CannotStopError: it does not run, or not in such a process of this machine.
    """
    saga = await storage.get_saga(saga_id)
    family = await storage.get_family(saga.root_id) if saga else None
    if saga is None or saga.parent_id is None:
        raise CannotStopError(f"{visible(saga_id)} is no replay; its own program can stop it")
    if family is None or not family.held or family.holder != saga_id:
        raise CannotStopError(f"{visible(saga_id)} does not run")
    place, _, pid = family.owner.rpartition(":")
    if place.rpartition("@")[2] != host_name() or not pid.isdecimal():
        raise CannotStopError(f"it is run by {visible(family.owner)}; stop it there")
    _check_replays(int(pid))
    last = await storage.get_checkpoint(saga_id, saga.checkpoints)
    return _stoppable(int(pid), last, await storage.get_run(saga_id))


def _stoppable(pid: int, last: SagaSnapshot, run: RunInfo) -> Stoppable:
    compensable = {step.name for step in run.steps if step.compensated} - set(run.kept)
    undoing = last.status == "compensating"
    begun = [last.step_name] if last.kind in ("before_step", "before_compensation") else []
    running = [] if undoing else last.running_steps
    under_way = tuple(dict.fromkeys(step for step in (*running, *begun) if step is not None))
    done = {*last.completed_steps, *running, *begun} - set(last.compensated_steps)
    return Stoppable(pid, under_way, len(done & compensable), undoing)


def _check_replays(pid: int) -> None:
    """See that a process runs a replay for this program: no other may get such a signal."""
    shown = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    if not {"replay", "run"} <= set(shown.stdout.split()):
        raise CannotStopError(
            f"it runs in process {pid}, which is no `sagaz replay run` of this machine; stop it "
            "by its own program"
        )
