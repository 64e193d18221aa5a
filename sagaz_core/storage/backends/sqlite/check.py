"""What can be told of an SQLite file and its health by looking at it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any, Final

from sagaz_core.storage.backends.rows import Finding, StoreInfo
from sagaz_core.storage.backends.sqlite.schema import migrations
from sagaz_core.storage.times import now_micros

_LEAST_FREE_BYTES: Final = 1 << 30
_LEAST_FREE_SHARE: Final = 0.05

_ORPHANS: Final = {
    "checkpoints": "SELECT count(*) FROM entry WHERE saga NOT IN (SELECT pk FROM saga)",
    "key changes": "SELECT count(*) FROM touch WHERE saga NOT IN (SELECT pk FROM saga)",
    "tags": "SELECT count(*) FROM tag WHERE saga NOT IN (SELECT pk FROM saga)",
    "leases": (
        "SELECT count(*) FROM family WHERE root NOT IN (SELECT root FROM saga) "
        "AND root NOT IN (SELECT id FROM record WHERE kind = 'batch') "
        "AND coalesce(alive_until, 0) <= ?"
    ),
}


def check_file(db: sqlite3.Connection, path: Path, *, at_rest: bool) -> list[Finding]:
    """Look at an open file, its place and the library that reads it.

    Args:
        at_rest: the file is read alone, since nobody writes to it.
    """
    integrity = check_integrity(db)
    return [
        integrity,
        *([check_orphans(db, now_micros())] if integrity.level == "ok" else []),
        check_schema(int(_one(db, "PRAGMA user_version")), len(migrations())),
        check_journal(None if at_rest else str(_one(db, "PRAGMA journal_mode"))),
        check_library(sqlite3.sqlite_version_info),
        check_permissions(path),
        check_space(path),
    ]


def check_integrity(db: sqlite3.Connection) -> Finding:
    """Let SQLite read every page, index and constraint."""
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA integrity_check(10)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    if found == ["ok"]:
        return Finding("ok", "SQLite finds every page and index sound")
    return Finding(
        "error",
        f"SQLite finds the file damaged: {'; '.join(found)}",
        "stop what writes to it, then restore a copy, or save what is left with "
        "`sqlite3 FILE .recover`",
    )


def check_orphans(db: sqlite3.Connection, now: int) -> Finding:
    """Count rows that belong to no saga."""
    found = [
        f"{count} {what}"
        for what, sql in _ORPHANS.items()
        if (count := _one(db, sql, *([now] if "?" in sql else [])))
    ]
    if not found:
        return Finding("ok", "every row belongs to a saga")
    return Finding("warning", f"{', '.join(found)} belong to no saga", "`sagaz prune` removes them")


def check_schema(version: int, newest: int) -> Finding:
    """Say which schema the file has; opening it has refused one that is too new."""
    return Finding("ok", f"its schema is {version}, of {newest} that this sagaz knows")


def check_journal(mode: str | None) -> Finding:
    """Say whether readers and writers can work at the same time, and what a power cut costs.

    A file that is read alone is in no mode. Its header would tell, but whoever opens and closes
    the file takes the locks of all connections of this process from it.
    """
    if mode is None:
        return Finding("ok", "nobody writes to it just now; sagaz syncs every commit to the disk")
    if mode == "wal":
        return Finding("ok", "it is in WAL mode, and sagaz syncs every commit to the disk")
    return Finding(
        "warning",
        "it is not in WAL mode, so that looking and recording wait for each other",
        "record a saga into it, or run `sagaz prune`: opening it for writing sets WAL again",
    )


def check_library(version: tuple[int, ...]) -> Finding:
    """Compare SQLite's version with the bugs known to damage files in WAL mode."""
    words = "SQLite " + ".".join(map(str, version))
    fixed = (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51)
        or ((3, 44, 6) <= version < (3, 45))
    )
    if fixed:
        return Finding("ok", f"{words} has no known bug that damages a file")
    return Finding(
        "warning",
        f"{words} can, very rarely, damage a file that two processes write and checkpoint at the "
        "same moment (the WAL-reset bug)",
        "use a Python whose SQLite is 3.51.3 or newer, 3.50.7 or 3.44.6",
    )


def check_permissions(path: Path) -> Finding:
    """Say who but its owner can open the file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    words = f"(mode {mode:04o})"
    if mode & 0o022:
        return Finding(
            "warning",
            f"others than its owner can change what was recorded {words}",
            f"`chmod go-w {path}` unless that is meant",
        )
    if mode & 0o044:
        return Finding(
            "warning",
            f"others than its owner can read what was recorded {words}",
            f"`chmod go-r {path}` unless that is meant",
        )
    return Finding("ok", f"only its owner can open it {words}")


def check_space(path: Path) -> Finding:
    """Say how much room the disk has left for it."""
    disk = shutil.disk_usage(path.parent)
    words = f"the disk has {disk.free / (1 << 30):.1f} GB free ({disk.free / disk.total:.0%})"
    if disk.free >= _LEAST_FREE_BYTES and disk.free / disk.total >= _LEAST_FREE_SHARE:
        return Finding("ok", words)
    return Finding("warning", words, "free some space, or let `sagaz prune` remove expired sagas")


def _one(db: sqlite3.Connection, sql: str, *parameters: Any) -> Any:
    return db.execute(sql, parameters).fetchone()[0]


def describe_file(db: sqlite3.Connection, path: Path, *, at_rest: bool) -> StoreInfo:
    """Describe a store."""

    return StoreInfo(
        description=f"SQLite {sqlite3.sqlite_version}, {path}",
        sagas=_one(db, "SELECT count(*) FROM saga"),
        entries=_one(db, "SELECT count(*) FROM entry"),
        bytes=_one(db, "PRAGMA page_count") * _one(db, "PRAGMA page_size"),
        schema=_one(db, "PRAGMA user_version"),
        details={
            "journal_mode": "at rest" if at_rest else _one(db, "PRAGMA journal_mode"),
            "newest_schema": str(len(migrations())),
        },
    )
