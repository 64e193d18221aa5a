"""Tags on the command line: finding sagas by them, and seeing those of one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import Order, order


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> None:
    async def record() -> None:
        async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as store:
            for number in (8841, 8842):
                await Order(
                    order("tok_good"),
                    saga_id=f"saga_{number}",
                    snapshot_storage=store,
                    tags={"order_id": str(number), "shop": "eu=1"},
                ).execute()

    asyncio.run(record())


def test_sagas_are_found_by_their_tags(command: Command) -> None:
    done = command("sagas", "--tag", "order_id=8841", "--format", "json")
    assert [saga["saga_id"] for saga in done.json] == ["saga_8841"]
    done = command("sagas", "--tag", "shop=eu=1", "--tag", "order_id=8842", "--format", "json")
    assert [saga["saga_id"] for saga in done.json] == ["saga_8842"]
    assert command("sagas", "--tag", "order_id=1").err == "sagaz: no sagas match\n"


def test_show_tells_a_sagas_tags(command: Command) -> None:
    assert command("show", "saga_8841", "--format", "json").json["tags"] == {
        "order_id": "8841",
        "shop": "eu=1",
    }
    assert "order_id=8841, shop=eu=1" in command("show", "saga_8841").out


@pytest.mark.parametrize(
    ("tags", "complaint"),
    [
        (["order_id"], "--tag 'order_id' is no tag; write it as --tag order_id=8841"),
        (["=8841"], "is no tag"),
        (["a=1", "a=2"], "--tag a is there twice, and a saga has one value of it"),
        (["a=\x1b"], "a tag is a name and a text of printable characters"),
    ],
)
def test_what_is_no_tag_says_how_to_write_one(
    command: Command, tags: list[str], complaint: str
) -> None:
    done = command("sagas", *(part for tag in tags for part in ("--tag", tag)))
    assert done.code == 2
    assert complaint in done.err
