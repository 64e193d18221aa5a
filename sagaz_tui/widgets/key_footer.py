"""The last line: the keys that matter here, as they are after the settings' remapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.strip import Strip
from textual.widgets import Input

from sagaz_tui.keys.table import Key, Where, keys_in, shown_keys
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.theme import palette_for
from sagaz_tui.widgets.painted import Painted

_GAP = "  "
_EVERYWHERE: Where = "everywhere"


class KeyFooter(Painted):
    """Keys with a word each; a click does what the key does.

    Args:
        where: the place whose keys are shown, followed by those of everywhere.
        remapped: the settings' remapping of keys.
        leave_out: ids of keys that mean nothing here now.
    """

    DEFAULT_CSS = "KeyFooter { height: 1; dock: bottom; background: $s-bg; }"

    def __init__(
        self,
        where: Where,
        remapped: Mapping[str, str],
        *,
        leave_out: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._where: Where = where
        self._remapped = remapped
        self._leave_out = frozenset(leave_out)

    def show(self, where: Where, *, leave_out: Iterable[str] = ()) -> None:
        """Show another place's keys from now on."""
        left_out = frozenset(leave_out)
        if (where, left_out) != (self._where, self._leave_out):
            self._where, self._leave_out = where, left_out
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the line."""
        colours = palette_for(self.app.current_theme)
        on = Style(bgcolor=colours.bg)
        segments = [Segment(" ", on)]
        for number, (key, text) in enumerate(self._fitting()):
            click = Style(meta={"call": key.call})
            if number:
                segments.append(Segment(_GAP, on))
            segments.append(Segment(text, on + Style(color=colours.live) + click))
            segments.append(Segment(f" {key.footer}", on + Style.parse(colours.muted) + click))
        return Strip(segments).adjust_cell_length(self.outer_size.width, on)

    def on_mount(self) -> None:
        """Notice when somebody begins to type."""
        self.watch(self.screen, "focused", self._take_focus, init=False)

    def _take_focus(self) -> None:
        self.refresh()

    def _fitting(self) -> list[tuple[Key, str]]:
        """The keys that there is room for, with a margin; those of everywhere always stay."""
        here, everywhere = (
            [
                key
                for key in keys_in(where)
                if key.footer and key.id not in self._leave_out and self._first(key)
            ]
            for where in (self._where, _EVERYWHERE)
        )
        while here and self._width([*here, *everywhere]) > self.outer_size.width:
            here.pop()
        return [(key, self._first(key)) for key in [*here, *everywhere]]

    def _width(self, keys: list[Key]) -> int:
        texts = [f"{self._first(key)} {key.footer}" for key in keys]
        return 1 + cell_len(_GAP.join(texts)) + 1

    def _first(self, key: Key) -> str:
        """The first key that does it; while somebody types, the first that is no letter."""
        typing = isinstance(self.screen.focused, Input)
        shown = shown_keys(key, self._remapped)
        return next((name for name in shown if not typing or len(name) > 1), "")

    async def on_click(self, event: Click) -> None:
        """Do what the key under the pointer does."""
        call = event.style.meta.get("call")
        if call:
            event.stop()
            if isinstance(self.screen, SagazScreen):
                self.screen.input_at = event.time
            await self.screen.run_action(call)
