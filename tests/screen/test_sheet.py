"""A sheet lies over a screen that stays to be read, and what it hides is not drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual._context import visible_screen_stack
from textual.geometry import Size
from textual.strip import Strip

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.showing.compositor import LineCompositor
from tests.screen.lists import listing
from tests.screen.looking import press, until_painted
from tests.screen.recorded import order_snapshots, record


def drawn(app: SagazApp) -> list[Strip]:
    """The lines of the terminal, those behind a sheet included."""
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips()


async def test_what_is_over_it_is_veiled_and_what_is_under_it_is_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[Size] = []
    render_strips = LineCompositor.render_strips

    def noted(self: LineCompositor, size: Size | None = None) -> list[Strip]:
        if size is not None:
            sizes.append(size)
        return render_strips(self, size)

    monkeypatch.setattr(LineCompositor, "render_strips", noted)
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await record(storage, order_snapshots())
        async with listing(storage, size=(100, 30)) as pilot:
            assert isinstance(pilot.app, SagazApp)
            await until_painted(pilot, "▌✗ order")
            clear = drawn(pilot.app)
            press(pilot, ":")
            await until_painted(pilot, "─ Palette ─")
            behind = drawn(pilot.app)
            top = pilot.app.screen.query_one("#sheet").region.y
            assert [line.text for line in behind[:top]] == [line.text for line in clear[:top]]
            assert "Palette" in behind[top].text
            assert [line.cell_length for line in behind] == [100] * 30
            before, after = (line._segments[1].style for line in (clear[0], behind[0]))
            assert before is not None
            assert after is not None
            assert before.color != after.color
            assert {size.height for size in sizes} == {top}
