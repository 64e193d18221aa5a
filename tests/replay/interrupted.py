"""Runs that die at any moment, and the world as they left it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

from sagaz_core.config import ReplayConfig, SagaConfig, SnapshotStrategy
from sagaz_core.errors import StorageUnavailableError
from sagaz_core.saga.saga import Saga
from sagaz_core.storage.backends.memory.backend import MemoryBackend
from sagaz_core.storage.backends.rows import Append, Outcome
from sagaz_core.storage.storage import SnapshotStorage


@dataclass
class World:
    """What has really happened. A gateway: the same key again has no second effect."""

    done: dict[str, int] = field(default_factory=dict)
    """By key, how often it was asked for."""
    undone: dict[str, int] = field(default_factory=dict)

    def copy(self) -> World:
        return World(dict(self.done), dict(self.undone))

    def restore(self, other: World) -> None:
        self.done, self.undone = dict(other.done), dict(other.undone)

    @property
    def standing(self) -> set[str]:
        return self.done.keys() - self.undone.keys()


WORLD = World()


class Moment(NamedTuple):
    """A store as a process left it that died, and two worlds that it may have left."""

    tape: Tape
    at_once: World
    """It died before it did anything more."""
    at_the_next: World
    """It had done all that it did before its next checkpoint."""


class Tape(MemoryBackend):
    """A store that keeps a copy of itself for every time it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Moment] = []
        self.breaks_at: int | None = None
        """Of the writes to come the number of the first that fails; those after it do too."""
        self.answers = True
        """False: those that fail are done all the same, and nobody hears of it."""

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        if self.breaks_at is not None:
            self.breaks_at -= 1
            if self.breaks_at <= 0:
                if not self.answers:
                    await self._append_and_keep(appends)
                raise StorageUnavailableError("the disk is gone")
        return await self._append_and_keep(appends)

    async def _append_and_keep(self, appends: Sequence[Append]) -> list[Outcome]:
        if self._kept:
            self._kept[-1] = self._kept[-1]._replace(at_the_next=WORLD.copy())
        outcomes = await super().append(appends)
        self._kept.append(Moment(self.left_by_the_dead(), WORLD.copy(), WORLD.copy()))
        return outcomes

    def left_by_the_dead(self) -> Tape:
        """Return a copy of it in which the leases have lapsed."""
        left = Tape()
        left._sagas = copy.deepcopy(self._sagas)
        left._snapshots = dict(self._snapshots)
        left._records._rows = dict(self._records._rows)
        left._families._rows = {
            root: replace(family, alive_until=family.alive_until and 1)
            for root, family in self._families._rows.items()
        }
        return left

    def forget(self) -> None:
        """Begin anew: what was written until now counts as written before."""
        self._kept.clear()

    def moments(self) -> list[Moment]:
        """Return every state but that of the end."""
        return self._kept[:-1]


def killed_after(tape: Tape, kind: str, step: str | None = None, saga_id: str = "s") -> Moment:
    """Return what a run left that died right after a checkpoint."""
    for moment in tape.moments():
        latest = moment.tape._sagas[saga_id].entries[-1]
        if (latest.kind, latest.step) == (kind, step):
            return moment
    raise AssertionError(f"there is no {kind} of {step}")


class Chain(Saga):
    """Steps a to d, one after another; ``fails`` names one that does."""

    needs: ClassVar[dict[str, list[str] | None]] = dict.fromkeys("abcd")
    idempotent = True

    async def build(self) -> None:
        for name, needed in self.needs.items():
            await self.add_step(
                name, self.do, self.undo, depends_on=needed, idempotent=self.idempotent
            )

    async def do(self, ctx: Any) -> dict[str, Any]:
        if ctx.step == ctx["fails"]:
            raise ValueError(f"{ctx.step} does not work")
        WORLD.done[ctx.idempotency_key] = WORLD.done.get(ctx.idempotency_key, 0) + 1
        ctx[f"set by {ctx.step}"] = (ctx.step, 1)
        return {"by": ctx.step, "count": len(ctx)}

    async def undo(self, result: Any, ctx: Any) -> None:
        if ctx.step == ctx.get("cannot undo"):
            raise ConnectionError("no answer")
        WORLD.undone[ctx.idempotency_key] = WORLD.undone.get(ctx.idempotency_key, 0) + 1
        ctx[f"undone {ctx.step}"] = result and result["by"]


class Careful(Chain):
    """A chain of which nothing may be done twice."""

    idempotent = False


class Net(Chain):
    """A graph: a, then b and c at the same time with d beside them, then e."""

    needs: ClassVar[dict[str, list[str] | None]] = {
        "a": [],
        "b": ["a"],
        "c": ["a"],
        "d": [],
        "e": ["b", "c"],
    }


def recorded_by(strategy: SnapshotStrategy) -> SagaConfig:
    return SagaConfig(replay_config=ReplayConfig(enable_snapshots=True, snapshot_strategy=strategy))


class Late(Chain):
    """A chain whose third step has its effect and then takes too long; it can be undone."""

    async def build(self) -> None:
        for name in "abc":
            late = name == "c"
            await self.add_step(
                name,
                self.do,
                self.undo,
                idempotent=True,
                timeout=0.001 if late else None,
                compensate_on_timeout=late,
            )

    async def do(self, ctx: Any) -> dict[str, Any]:
        done = await super().do(ctx)
        if ctx.step == "c":
            await asyncio.Event().wait()
        return done


class Shaped(Chain):
    """A graph as its context says: the steps, each with those that it needs."""

    async def build(self) -> None:
        for name, needed in self.context["needs"].items():
            await self.add_step(name, self.do, self.undo, depends_on=needed, idempotent=True)


async def run_on_tape(
    saga_class: type[Saga], context: dict[str, Any], strategy: SnapshotStrategy = "before_each_step"
) -> tuple[Tape, World]:
    """Run a saga ``s`` to its end, undisturbed; return what was kept on the way, and the world."""
    tape = Tape()
    WORLD.restore(World())
    saga = saga_class(
        context, saga_id="s", snapshot_storage=SnapshotStorage(tape), config=recorded_by(strategy)
    )
    await saga.execute()
    return tape, WORLD.copy()


class Gossip(Chain):
    """A chain that counts its steps, and records its state in the middle of each."""

    async def do(self, ctx: Any) -> dict[str, Any]:
        ctx["count"] = ctx.get("count", 0) + 1
        await self.checkpoint("counted")
        return await super().do(ctx)


async def die_at(
    saga_class: type[Chain],
    kind: str,
    step: str | None = None,
    *,
    strategy: SnapshotStrategy = "before_each_step",
    **context: Any,
) -> tuple[SnapshotStorage, Moment]:
    """Return what a run left that died right after this checkpoint."""
    tape, _ = await run_on_tape(saga_class, {"fails": None, **context}, strategy)
    moment = killed_after(tape, kind, step)
    WORLD.restore(moment.at_the_next)
    return SnapshotStorage(moment.tape), moment
