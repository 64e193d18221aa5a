"""Compares screens with their pictures, or takes these anew."""

from __future__ import annotations

import asyncio
import difflib
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sagaz_core.saga import registry
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.demo import sagas
from screenshots.recording import record
from screenshots.recording_replay import record_replay
from screenshots.stillness import STILL
from tests.screen.looking import PATIENCE
from tests.screen.pictures.painting import STRAY, picture_of

FOLDER = Path(__file__).parent / "golden"
_STILL = 2.0
"""Seconds after which a screen that has not changed is taken to stay as it is."""
_LONGEST_DIFF = 60
_DEMO = sagas.__name__.rpartition(".")[0]

Matches = Callable[[Pilot[None], str], Awaitable[None]]


@pytest.fixture(autouse=True)
def only_the_demos_sagas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know no saga of another test, which may be called as one of the demo's is."""
    known = {code: each for code, each in registry._classes.items() if code.startswith(_DEMO)}
    monkeypatch.setattr(registry, "_classes", known)


@pytest.fixture
def matches(request: pytest.FixtureRequest) -> Matches:
    """Wait until the screen looks as the picture of this name does; or take it anew."""
    compare = _take if request.config.getoption("rewrite_pictures") else _compare
    return lambda pilot, name: compare(pilot, FOLDER / f"{name}.txt")


async def _take(pilot: Pilot[None], path: Path) -> None:
    seen, begun = "", time.monotonic()
    since = begun
    while time.monotonic() < since + _STILL:
        assert since < begun + PATIENCE, f"it does not come to rest:\n{seen}"
        await pilot.pause(0.02)
        now = picture_of(pilot.app)
        if now != seen:
            seen, since = now, time.monotonic()
    assert STRAY not in seen, seen
    path.write_text(seen, encoding="utf-8")


async def _compare(pilot: Pilot[None], path: Path) -> None:
    wanted = path.read_text(encoding="utf-8") if path.exists() else ""
    deadline = time.monotonic() + (PATIENCE if wanted else _STILL)
    while (seen := picture_of(pilot.app)) != wanted:
        if time.monotonic() > deadline:
            diff = difflib.unified_diff(
                wanted.splitlines(), seen.splitlines(), "the picture", "the screen", "", "", 1, ""
            )
            shown = "\n".join([*diff][:_LONGEST_DIFF])
            pytest.fail(
                f"the screen is not as {path.name} shows it; where it is meant to be as it is "
                f"now, take the pictures anew with `make pictures`\n{shown}",
                pytrace=False,
            )
        await pilot.pause()
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def time_stands_still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let it be the same moment in the same zone, wherever the pictures are looked at."""
    for name, value in STILL.items():
        monkeypatch.setattr(name, value)
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's night, once."""

    async def write() -> None:
        async with SQLiteSnapshotStorage(path) as storage:
            await record(storage)

    path = tmp_path_factory.mktemp("recorded") / "orders.db"
    asyncio.run(write())
    return path


@pytest.fixture
def shop(recorded: Path, tmp_path: Path) -> Path:
    """A store with a shop's night, of which the newest failure is worth a look."""
    return shutil.copy(recorded, tmp_path / "orders.db")


@pytest.fixture
async def replayed(shop: Path) -> Path:
    """The same store, and that order replayed."""
    async with SQLiteSnapshotStorage(shop) as storage:
        await record_replay(storage)
    return shop
