"""The right to act for a family: held by one run at a time, lost when it lapses."""

from __future__ import annotations

from sagaz_core.errors import PlanChangedError, ReplayInProgressError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.times import from_micros


class Lease:
    """A family's lease as one run holds it. Made by :meth:`SnapshotStorage.acquire_lease`.

    Attributes:
        root_id: the family.
        holder: the saga id of the run that holds it.
        fence: the token by which the store tells this holder from those before it.
        term: seconds without a beat or an append after which it lapses.
    """

    def __init__(
        self, backend: Backend, *, root_id: str, holder: str, fence: int, term: float
    ) -> None:
        self._backend = backend
        self.root_id = root_id
        self.holder = holder
        self.fence = fence
        self.term = term
        self._given_back = False

    def note_given_back(self) -> None:
        """Say that the run's last checkpoint has given it back."""
        self._given_back = True

    async def beat(self) -> bool:
        """Hold it for another term; False if it is somebody else's now."""
        return await self._backend.beat(
            self.root_id, fence=self.fence, term=term_in_micros(self.term)
        )

    async def release(self, recovered_by: str | None = None) -> bool:
        """Give it back; False if it is somebody else's now.

        ``recovered_by`` names the replay that brought the family to success.
        """
        if self._given_back and recovered_by is None:
            return True
        return await self._backend.release(
            self.root_id, fence=self.fence, recovered_by=recovered_by
        )


def term_in_micros(term: float) -> int:
    """Return a lease's term in the store's microseconds."""
    return round(term * 1_000_000)


async def acquire(
    backend: Backend,
    root_id: str,
    *,
    owner: str,
    holder: str,
    expect_fence: int | None,
    term: float,
) -> Lease:
    """Take a family's lease.

    Raises:
        ReplayInProgressError: a run of the family is alive.
        PlanChangedError: another run has held it since ``expect_fence`` was read.
    """
    fence = expect_fence
    if fence is None:
        family = await backend.family(root_id)
        fence = family.fence if family else 0
    taken, family = await backend.acquire(
        root_id, owner=owner, holder=holder, term=term_in_micros(term), expect_fence=fence
    )
    if taken:
        return Lease(backend, root_id=root_id, holder=holder, fence=family.fence, term=term)
    # Where the fence is the expected one it was held, and may have lapsed since.
    if family.held or family.fence == fence or expect_fence is None:
        raise in_progress(family)
    raise PlanChangedError(["another run of this family has acted since"])


def in_progress(family: FamilyRow) -> ReplayInProgressError:
    """Return the error of whoever wants to act while a run of the family is alive."""
    lapses_at = family.now if family.alive_until is None else family.alive_until
    return ReplayInProgressError(
        holder=family.holder,
        owner=family.owner,
        since=from_micros(family.acquired),
        lapses_in=max(0, lapses_at - family.now) / 1_000_000,
    )
