"""Writes the pictures in this folder: the same bytes each time, on any machine."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
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
from screenshots.pictures import PICTURES, Picture  # noqa: E402
from screenshots.recording import NOW, record  # noqa: E402
from screenshots.recording_batch import batch_under_way  # noqa: E402
from screenshots.recording_quote import record_quote  # noqa: E402
from screenshots.recording_replay import record_replay  # noqa: E402
from screenshots.stillness import stand_still  # noqa: E402
from tests.screen.looking import press, until_painted  # noqa: E402


async def take(picture: Picture, store: Path) -> str:
    """Go the way to a picture and return it as SVG."""
    settings = Settings(
        storage_url=f"sqlite:///{store}",
        production=picture.production,
        sagas=("sagaz_tui.demo.sagas",),
        sources={"sagas": "the pictures"},
        theme=picture.theme,
    )
    async with SQLiteSnapshotStorage(store, read_only=True) as storage:
        app = SagazApp(storage, settings, picture.saga_id, ascii=picture.ascii, clock=lambda: NOW)
        async with app.run_test(size=picture.size) as pilot:
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
    stand_still()
    with tempfile.TemporaryDirectory() as scratch:
        stores: dict[bool, Path] = {}
        for replayed in (False, True):
            stores[replayed] = Path(scratch) / str(replayed) / "orders.db"
            stores[replayed].parent.mkdir()
            async with SQLiteSnapshotStorage(stores[replayed]) as storage:
                await record(storage)
                if replayed:
                    await record_replay(storage)
                    await record_quote(storage)
        for picture in PICTURES:
            path = FOLDER / f"{picture.name}.svg"
            picture_text = await take(picture, stores[picture.replayed])
            path.write_text(picture_text + "\n", encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(FOLDER.parent)}\n")


if __name__ == "__main__":
    asyncio.run(main())
