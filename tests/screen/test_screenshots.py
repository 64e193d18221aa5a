"""The pictures are made by a command, and come out the same each time."""

from __future__ import annotations

import re
from pathlib import Path

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from screenshots.make import FOLDER, take
from screenshots.pictures import PICTURES
from screenshots.recording import record


async def test_a_picture_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    taken = []
    for name in ("one", "two"):
        store = tmp_path / name / "orders.db"
        store.parent.mkdir()
        async with SQLiteSnapshotStorage(store) as storage:
            await record(storage)
        taken.append(await take(PICTURES[0], store))
    assert taken[0] == taken[1]
    assert "order_8841" in taken[0]


def test_every_picture_is_in_the_tree() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == {picture.name for picture in PICTURES}


def test_the_readme_shows_four_of_them_and_says_what_is_on_each() -> None:
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    shown = re.findall(r"!\[(.*?)\]\(screenshots/(.*?)\.svg\)", readme)
    assert len(shown) == 4
    assert {name for _, name in shown} <= {picture.name for picture in PICTURES}
    assert all(len(alt) > 40 for alt, _ in shown)
