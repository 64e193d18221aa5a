"""The families of a memory store: who may act, and whether one has succeeded."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from sagaz_core.storage.backends.rows import Append, FamilyRow, SagaRow
from sagaz_core.storage.times import now_micros


class MemoryFamilies:
    """Each family's row, by its root, and its lease."""

    def __init__(self) -> None:
        self._rows: dict[str, FamilyRow] = {}

    def get(self, root: str) -> FamilyRow | None:
        """Return a family's row as it is now; None if no run ever held its lease."""
        family = self._rows.get(root)
        return replace(family, now=now_micros()) if family else None

    def held(self) -> set[str]:
        """Return the roots of those under whose lease a run is alive."""
        now = now_micros()
        return {root for root, family in self._rows.items() if replace(family, now=now).held}

    def without(self, roots: Container[str]) -> list[str]:
        """Return the roots of families at rest that are none of these."""
        held = self.held()
        return [root for root in self._rows if root not in roots and root not in held]

    def forget(self, root: str) -> None:
        """Remove a family, if it is there."""
        self._rows.pop(root, None)

    def of(self, row: SagaRow) -> SagaRow:
        """Return a saga's row with what is its family's."""
        family = self.get(row.root)
        if family is None:
            return row
        return row._replace(
            alive=family.held, holder=family.holder, recovered_by=family.recovered_by
        )

    def extend(self, append: Append, fence: int) -> bool:
        """Extend the lease under which an append is made; False if it is not the writer's."""
        row = append.saga
        family = self.get(row.root)
        if family is None and append.claim:
            family = _unheld(row.root, fence=fence, owner=append.owner, holder=row.saga_id)
        if family is None or (family.fence, family.holder) != (fence, row.saga_id):
            return False
        self._rows[row.root] = replace(
            family,
            alive_until=None if append.release else family.now + append.term,
            recovered_by=(
                row.saga_id if append.recovers else None if append.undoes else family.recovered_by
            ),
        )
        return True

    def acquire(
        self, root: str, *, owner: str, holder: str, term: int, expect_fence: int
    ) -> tuple[bool, FamilyRow]:
        """Take a lease, as :meth:`Backend.acquire` says."""
        family = self.get(root) or _unheld(root, fence=0, owner="", holder="")
        if family.held or family.fence != expect_fence:
            return False, family
        taken = replace(
            _unheld(root, fence=expect_fence + 1, owner=owner, holder=holder),
            alive_until=family.now + term,
            recovered_by=family.recovered_by,
        )
        self._rows[root] = taken
        return True, taken

    def beat(self, root: str, fence: int, term: int) -> bool:
        """Extend a lease; False if it is no longer this fence's."""
        family = self.get(root)
        if family is None or family.fence != fence or family.alive_until is None:
            return False
        self._rows[root] = replace(family, alive_until=family.now + term)
        return True

    def release(self, root: str, fence: int, recovered_by: str | None, undone: bool) -> bool:
        """Give a lease back; False if it is another's."""
        family = self.get(root)
        if family is None or family.fence != fence:
            return False
        kept = None if undone else family.recovered_by
        self._rows[root] = replace(family, alive_until=None, recovered_by=recovered_by or kept)
        return True


def _unheld(root: str, *, fence: int, owner: str, holder: str) -> FamilyRow:
    now = now_micros()
    return FamilyRow(
        root=root,
        fence=fence,
        owner=owner,
        holder=holder,
        alive_until=None,
        acquired=now if fence else 0,
        recovered_by=None,
        now=now,
    )
