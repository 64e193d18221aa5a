"""A family's row in an SQLite store: read, and its lease taken, extended and given back."""

from __future__ import annotations

import sqlite3

from sagaz_core.storage.backends.row_check import checked_family
from sagaz_core.storage.backends.rows import FamilyRow
from sagaz_core.storage.times import now_micros


def read_family(db: sqlite3.Connection, root: str) -> FamilyRow | None:
    """Return a family's row as it is now."""
    found = db.execute(
        "SELECT fence, owner, holder, alive_until, acquired, recovered_by "
        "FROM family WHERE root = ?",
        (root,),
    ).fetchone()
    return checked_family(_family_row(root, *found)) if found else None


def _family_row(
    root: str,
    fence: int = 0,
    owner: str = "",
    holder: str = "",
    alive_until: int | None = None,
    acquired: int = 0,
    recovered_by: str | None = None,
) -> FamilyRow:
    return FamilyRow(
        root=root,
        fence=fence,
        owner=owner,
        holder=holder,
        alive_until=alive_until,
        acquired=acquired,
        recovered_by=recovered_by,
        now=now_micros(),
    )


def acquire_lease(
    db: sqlite3.Connection, root: str, owner: str, holder: str, term: int, expect_fence: int
) -> tuple[bool, FamilyRow]:
    """Take a lease that nobody alive holds; returns whether, and the family as it is now."""
    family = read_family(db, root) or _family_row(root)
    if family.held or family.fence != expect_fence:
        return False, family
    now = now_micros()
    fence, lapses = expect_fence + 1, now + term
    db.execute(
        "INSERT INTO family (root, fence, owner, holder, alive_until, acquired) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (root) DO UPDATE SET fence = excluded.fence, "
        "owner = excluded.owner, holder = excluded.holder, acquired = excluded.acquired, "
        "alive_until = excluded.alive_until",
        (root, fence, owner, holder, lapses, now),
    )
    return True, _family_row(root, fence, owner, holder, lapses, now, family.recovered_by)


def beat_lease(db: sqlite3.Connection, root: str, fence: int, term: int) -> bool:
    """Extend a lease; False if it is no longer this fence's."""
    beaten = db.execute(
        "UPDATE family SET alive_until = ? "
        "WHERE root = ? AND fence = ? AND alive_until IS NOT NULL",
        (now_micros() + term, root, fence),
    )
    return beaten.rowcount == 1


def release_lease(
    db: sqlite3.Connection, root: str, fence: int, recovered_by: str | None, undone: bool
) -> bool:
    """Give a lease back, saying who recovered the family; False if it is another's."""
    released = db.execute(
        "UPDATE family SET alive_until = NULL, "
        "recovered_by = coalesce(?, CASE WHEN ? THEN NULL ELSE recovered_by END) "
        "WHERE root = ? AND fence = ?",
        (recovered_by, undone, root, fence),
    )
    return released.rowcount == 1
