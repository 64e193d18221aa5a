"""From the shell's prompt to a successful replay, in a real terminal, and what it leaves."""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.end_to_end import journey
from tests.end_to_end.terminal import Terminal

SHELL = ["bash", "--norc", "--noprofile", "-i"]


@pytest.fixture
def demo(recorded_demo: Path, tmp_path: Path) -> Path:
    """A folder of this test's own in which the demo's sagas are recorded."""
    return Path(shutil.copytree(recorded_demo, tmp_path / "demo"))


def store_of(folder: Path) -> Path:
    """The store that the folder's settings name."""
    settings = tomllib.loads((folder / "sagaz.toml").read_text())
    return folder / str(settings["storage_url"]).removeprefix("sqlite:///")


async def test_twelve_bytes_from_the_prompt_to_a_successful_replay(demo: Path) -> None:
    store = store_of(demo)
    before = journey.rows_of(store, journey.FAILED)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    env = {"PATH": path, "PS1": "$ "}
    with Terminal(SHELL, cwd=demo, columns=80, rows=24, env=env) as terminal:
        journey.fix_and_replay(terminal)
        assert terminal.typed - len(journey.OVERRIDE) <= 12

    # The original's reservation was released; the replay reserved again.
    assert journey.effects_of(demo / "ledger.db", journey.FAILED) == [
        "reserved",
        "released",
        "reserved",
        "charged",
        "shipped",
    ]
    assert journey.rows_of(store, journey.FAILED) == before
    async with SQLiteSnapshotStorage(store, read_only=True) as storage:
        (entry,) = await storage.list_replays(journey.FAILED)
        assert (entry.replay_id, entry.outcome) == (journey.REPLAY, "success")
        assert [(each.path, each.after) for each in entry.override] == [
            ("/payment_token", "tok_new")
        ]
        summary = await storage.get_saga(journey.FAILED)
        assert summary is not None
        assert summary.recovered_by == journey.REPLAY


@pytest.mark.parametrize(
    ("columns", "rows", "env"),
    [
        (80, 24, {"NO_COLOR": "1", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}),
        (200, 60, {}),
    ],
    ids=["80x24 ASCII without colour", "200x60"],
)
def test_the_journey_fits_every_terminal(
    demo: Path, columns: int, rows: int, env: dict[str, str]
) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    with Terminal(
        SHELL, cwd=demo, columns=columns, rows=rows, env={"PATH": path, "PS1": "$ ", **env}
    ) as terminal:
        journey.fix_and_replay(terminal)
        if "LC_ALL" in env:
            assert bytes(terminal.sent).isascii()
            assert terminal.is_grey
        else:
            assert not terminal.is_grey
