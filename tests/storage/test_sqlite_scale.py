"""Questions to a large SQLite file cost what they answer, not what the file holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.storage.backends.rows import SagaQuery
from sagaz_core.storage.backends.sqlite.query import count, read_page
from sagaz_core.storage.backends.sqlite.schema import migrations

SMALL, LARGE = 500, 5_000
NOW = 1_000_000


def fill(db: sqlite3.Connection, sagas: int) -> None:
    """Put in so many ended sagas, one third failed, and ten that stand out."""
    for script in migrations():
        db.executescript(script)
    db.execute("BEGIN")
    for number in range(sagas):
        rare = number % (sagas // 10) == 7
        failed = number % 3 == 0
        saga_id = f"{'rare' if rare else 'saga'}_{number:05}"
        db.execute(
            "INSERT INTO saga (pk, id, root, name, code, status, compensation, error, error_group,"
            " started, updated, ended, head, keyframe) "
            "VALUES (?, ?, ?, ?, '', ?, 'none', ?, ?, ?, ?, ?, 1, 1)",
            (number, saga_id, saga_id, f"Saga{number % 5}", "failed" if failed else "completed")
            + ((f"Boom: {number}", f"Boom {number % 4}") if failed else (None, None))
            + (number, number, number),
        )
        db.execute("INSERT INTO tag VALUES ('rare', ?, ?)", (str(rare), number))
        db.execute("INSERT INTO family VALUES (?, 1, '', ?, 0, NULL, NULL)", (saga_id, saga_id))
    db.commit()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[sqlite3.Connection]]:
    folder: Path = tmp_path_factory.mktemp("scale")
    with (
        closing(sqlite3.connect(folder / "small.db", isolation_level=None)) as small,
        closing(sqlite3.connect(folder / "large.db", isolation_level=None)) as large,
    ):
        for db, sagas in ((small, SMALL), (large, LARGE)):
            db.execute("PRAGMA synchronous = OFF")
            fill(db, sagas)
        yield [small, large]


def work(db: sqlite3.Connection, ask: Callable[[sqlite3.Connection], Any]) -> int:
    """How many tens of SQLite's instructions an answer takes."""
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 0

    db.set_progress_handler(tick, 10)
    ask(db)
    db.set_progress_handler(None, 0)
    return ticks


@pytest.mark.parametrize(
    "query",
    [
        SagaQuery(),
        SagaQuery(status=("failed",)),
        SagaQuery(status=("failed",), unsettled=True),
        SagaQuery(name="Saga3"),
        SagaQuery(error_group="Boom 2"),
        SagaQuery(prefix="saga_"),
        SagaQuery(prefix="rare_"),
        SagaQuery(tags=(("rare", "True"),)),
        SagaQuery(tags=(("rare", "False"),)),
        SagaQuery(tags=(("rare", "True"),), status=("failed",), name="Saga3"),
        SagaQuery(tags=(("none", "has"),)),
        SagaQuery(root="rare_00007"),
    ],
    ids=repr,
)
def test_a_page_of_ten_times_as_many_sagas_takes_no_more_work(
    stores: list[sqlite3.Connection], query: SagaQuery
) -> None:
    small, large = (work(db, lambda db: read_page(db, query, None, 50, NOW)) for db in stores)
    assert large < small * 1.5 + 200


@pytest.mark.parametrize("by", ["status", "error_group", "name"])
@pytest.mark.parametrize("unsettled", [False, True])
def test_counting_looks_at_no_more_than_an_index(
    stores: list[sqlite3.Connection], by: Any, unsettled: bool
) -> None:
    query = SagaQuery(status=("failed",), unsettled=unsettled)
    ticks = work(stores[1], lambda db: count(db, query, by, NOW))
    assert ticks < LARGE


def test_what_is_left_out_of_a_count_is_what_is_left_out_of_the_list(
    stores: list[sqlite3.Connection],
) -> None:
    db = stores[0]
    db.execute("BEGIN")
    # Two families recovered, by a replay each; one replay that failed.
    for number, replay, status in (
        (0, "a~r1", "completed"),
        (3, "b~r1", "completed"),
        (6, "c~r1", "failed"),
    ):
        root = f"saga_{number:05}"
        db.execute(
            "INSERT INTO saga (id, root, parent, name, code, status, compensation, error_group, "
            "started, updated, ended, head, keyframe) "
            "VALUES (?, ?, ?, 'Saga0', '', ?, 'none', 'Boom 0', 1, 1, 1, 1, 1)",
            (replay, root, root, status),
        )
        if status == "completed":
            db.execute("UPDATE family SET recovered_by = ? WHERE root = ?", (replay, root))
    db.execute("COMMIT")
    for statuses in (("failed",), ("completed",), ()):
        query = SagaQuery(status=statuses, unsettled=True)
        rows = read_page(db, query, None, 10_000, NOW).rows
        assert len(rows) == sum(count(db, query, "status", NOW).values())
        assert not [row for row in rows if row.parent or row.recovered_by]
        groups = count(db, query, "error_group", NOW)
        assert sum(groups.values()) == sum(bool(row.error_group) for row in rows)
