"""Writes the pictures in this folder: the same bytes each time, on any machine."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

# Before anything of Textual is imported: it reads the environment once.
os.environ.update(TEXTUAL_ANIMATIONS="none", TZ="UTC", LC_ALL="C.UTF-8")
for name in ("NO_COLOR", "VISUAL", "EDITOR"):
    os.environ.pop(name, None)
time.tzset()

from textual.pilot import Pilot  # noqa: E402

from sagaz_core.storage.backends import SQLiteSnapshotStorage  # noqa: E402
from sagaz_tui.app import SagazApp  # noqa: E402
from sagaz_tui.screens.batch import BatchScreen  # noqa: E402
from sagaz_tui.settings import Settings  # noqa: E402
from screenshots.recording import NOW, ORDER, record  # noqa: E402
from screenshots.recording_batch import batch_under_way  # noqa: E402
from screenshots.recording_replay import record_replay  # noqa: E402
from tests.screen.looking import press, until_painted  # noqa: E402

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """One picture: the keys that lead there, each group followed by what shows it has worked."""

    name: str
    size: tuple[int, int]
    way: Sequence[tuple[Keys, str]]
    theme: str = "sagaz-dark"
    production: str = "PROD-EU"
    replayed: bool = False
    """Of the order after its replay; the way begins in its debugger."""
    batch: bool = False
    """Of a batch under way; the way begins there."""


LISTED: tuple[Keys, str] = ((), "1 Failed 130")
OPENED: tuple[Keys, str] = (("enter",), "shop/payment.py")
SEEN: tuple[Keys, str] = ((), "shop/payment.py")
STAGED: tuple[Keys, str] = (("e", *"payment_token=tok_new", "enter"), "1 staged")
PICTURES = (
    Picture("list-80x24", (80, 24), (LISTED,)),
    Picture("list-120x40", (120, 40), (LISTED,)),
    Picture("list-200x50", (200, 50), (LISTED, ((), "Context, 9 keys"))),
    Picture("list-light-80x24", (80, 24), (LISTED,), theme="sagaz-light"),
    Picture("debugger-80x24", (80, 24), (LISTED, OPENED)),
    Picture("debugger-120x40", (120, 40), (LISTED, OPENED)),
    Picture("blame-80x24", (80, 24), (LISTED, OPENED, (("b",), "set"))),
    Picture("edit-80x24", (80, 24), (LISTED, OPENED, (("e", *"payment_token=tok_new"), "tok_new"))),
    Picture(
        "plan-80x24",
        (80, 24),
        (LISTED, OPENED, STAGED, (("R",), "as a new branch")),
        production="",
    ),
    Picture("batch-plan-80x24", (80, 24), (LISTED, (("*",), "130 marked"), (("R",), "Type 130"))),
    Picture("batch-80x24", (80, 24), (((), "874 of 1,499"),), batch=True),
    Picture("compare-80x24", (80, 24), (SEEN, (("c",), "what it set")), replayed=True),
    Picture("lineage-80x24", (80, 24), (SEEN, (("t",), "another card")), replayed=True),
    Picture(
        "marks-120x40",
        (120, 40),
        (SEEN, (("g", "m", "f", "'"), "(mark) → #3"), (("4", "v"), " │ ")),
        replayed=True,
    ),
)


async def take(picture: Picture, store: Path) -> str:
    """Go the way to a picture and return it as SVG."""
    settings = Settings(
        storage_url=f"sqlite:///{store}",
        production=picture.production,
        sagas=("sagaz_tui.demo.sagas",),
        sources={"sagas": "the pictures"},
    )
    async with SQLiteSnapshotStorage(store, read_only=True) as storage:
        opened = ORDER if picture.replayed else None
        app = SagazApp(storage, settings, opened, ascii=False, clock=lambda: NOW)
        async with app.run_test(size=picture.size) as pilot:
            app.theme = picture.theme
            if picture.batch:
                app.push_screen(BatchScreen(batch_under_way(store.parent)))
            for keys, sign in picture.way:
                press(pilot, *keys)
                await until_painted(pilot, sign)
            await settled(pilot, lambda: app.export_screenshot(title="sagaz"))
            return app.export_screenshot(title="sagaz")


async def settled(pilot: Pilot[None], look: Callable[[], str]) -> None:
    """Wait until nothing that was still on its way changes the picture."""
    before, same = look(), 0
    while same < 5:
        await pilot.pause()
        await asyncio.sleep(0.05)
        now = look()
        before, same = now, same + 1 if now == before else 0


async def main() -> None:
    """Record, and write every picture."""
    with tempfile.TemporaryDirectory() as scratch:
        stores: dict[bool, Path] = {}
        for replayed in (False, True):
            stores[replayed] = Path(scratch) / str(replayed) / "orders.db"
            stores[replayed].parent.mkdir()
            async with SQLiteSnapshotStorage(stores[replayed]) as storage:
                await record(storage)
                if replayed:
                    await record_replay(storage)
        for picture in PICTURES:
            path = FOLDER / f"{picture.name}.svg"
            picture_text = await take(picture, stores[picture.replayed])
            path.write_text(picture_text + "\n", encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(FOLDER.parent)}\n")


if __name__ == "__main__":
    asyncio.run(main())
