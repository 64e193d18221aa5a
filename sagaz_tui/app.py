"""The screen's program: one store, its settings, and a stack of screens over them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.await_complete import AwaitComplete
from textual.events import Key
from textual.filter import DimFilter, LineFilter, Monochrome, NoColor
from textual.screen import Screen

from sagaz_core.model import utc_now
from sagaz_tui.keys.in_order import KeysInOrder
from sagaz_tui.keys.remapped import check_remap
from sagaz_tui.keys.table import KEYS, OUT, bindings_for, keys_called
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.showing.theme import PREFIX, THEMES, AsciiFilter, terminal_is_ascii
from sagaz_tui.showing.zone import use_utc

if TYPE_CHECKING:
    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.settings import Settings


_OPENED_AFTER: Final = 1.0
"""Seconds after which garbage is collected, as it was not while the screen opened."""


class SagazApp(KeysInOrder, inherit_bindings=False):
    """The debugger over one store.

    Args:
        storage: where to look; the screen itself never writes to it.
        settings: labels, keys, and where the sagas' code is.
        saga_id: open this saga's debugger at once; the way back leads to the list.
        ascii: draw with ASCII alone; None: as the terminal's locale says.
        clock: tells the time, timezone-aware.
    """

    TITLE = "sagaz"
    BINDINGS = [*bindings_for("everywhere")]  # noqa: RUF012 - Textual declares it so
    ESCAPE_TO_MINIMIZE = False
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        storage: SnapshotStorage,
        settings: Settings,
        saga_id: str | None = None,
        *,
        ascii: bool | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        # What is shown first brings its style at once: with a screen's own, all is read again.
        first = "sagas" if saga_id is None else "debugger"
        here = Path(__file__).parent
        super().__init__([here / "app.tcss", here / "screens" / f"{first}.tcss"])
        check_remap(settings.keys)
        self.storage = storage
        self.settings = settings
        self.ascii = terminal_is_ascii() if ascii is None else ascii
        self.now = clock
        self._ascii_filter = AsciiFilter()
        self._saga_id = saga_id
        self._warned: tuple[str, int] = ("", 0)
        """The last warning, and how many keys had been typed when it was given."""
        for name in list(self.available_themes):
            self.unregister_theme(name)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = PREFIX + settings.theme
        use_utc(settings.times == "utc")
        self.set_keymap(settings.keys)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Whatever is drawn leaves as ASCII where the terminal has no more."""
        filters = super().get_line_filters()
        if self.native_ansi_color:
            # There is no colour to mix a dimmed one from, nor to make a grey of.
            filters = [each for each in filters if not isinstance(each, DimFilter | Monochrome)]
            filters += [NoColor()] if self.no_color else []
        return [*filters, self._ascii_filter] if self.ascii else filters

    def get_default_screen(self) -> Screen[None]:
        """The saga list lies below everything else; below a saga opened at once it comes later."""
        if self._saga_id is None:
            return self._saga_list()
        from sagaz_tui.screens.debugger import DebuggerScreen

        return DebuggerScreen(self._saga_id)

    def _saga_list(self) -> Screen[None]:
        # Imported here: a saga opened at once shows sooner without.
        from sagaz_tui.screens.sagas import SagasScreen

        return SagasScreen()

    def on_mount(self) -> None:
        """Look for garbage again once it has opened."""
        self.set_timer(_OPENED_AFTER, gc.enable)

    def pop_screen(self) -> AwaitComplete:
        """Go back to the screen below; from a saga opened at once to the list, that comes now."""
        if len(self.screen_stack) > 1:
            return super().pop_screen()
        # Textual takes it for granted that whatever goes was once pushed.
        self.screen._push_result_callback(self, None)
        return self.switch_screen(self._saga_list())

    async def on_unmount(self) -> None:
        """Give the store back."""
        await self.storage.close()

    def _fatal_error(self) -> None:
        """Show where it broke, but not what variables hold: they may be secrets."""
        # Imported here: nothing needs it until something breaks.
        from rich.segment import Segments
        from rich.traceback import Traceback

        self.bell()
        shown = self.console.render(Traceback(width=None), self.console.options)
        self._exit_renderables.append(Segments(shown))
        self._close_messages_no_wait()

    def is_meant(self, key: Key) -> bool:
        """Whether the screen on top has what it reads first; to leave it, nothing is needed."""
        screen = self.screen
        return not isinstance(screen, SagazScreen) or screen.is_filled or self.leaves(key)

    async def until_meant(self) -> None:
        """Wait for what the screen on top reads first."""
        if isinstance(self.screen, SagazScreen):
            await self.screen.until_filled()

    def leaves(self, key: Key) -> bool:
        """Whether a key goes back or quits."""
        remapped = self.settings.keys
        leaving = (remapped.get(each.id, each.keys) for each in KEYS if each.id in OUT)
        return any(key.key in names.split(",") for names in leaving)

    async def act_on(self, key: Key) -> None:
        """Do what a key is bound to, the screen knowing when it came."""
        if isinstance(self.screen, SagazScreen):
            self.screen.input_at = key.time
        await super().act_on(key)

    def post_display_hook(self) -> None:
        """Tell the screen that it has been painted."""
        if isinstance(self.screen, SagazScreen):
            self.screen.displayed()

    def action_palette(self) -> None:
        """Let anything be done by its name, and any place be gone to."""
        from sagaz_tui.screens.explorer import ExplorerScreen
        from sagaz_tui.screens.palette import PaletteScreen

        below = self.screen
        if not isinstance(below, SagazScreen):
            return
        history = below if isinstance(below, ExplorerScreen) else None

        async def act(chosen: str | None) -> None:
            if chosen is not None:
                await below.run_by_name(chosen)

        self.push_screen(PaletteScreen(below.PLACE, history, leave_out=below.MEANS_NOTHING), act)

    def action_use_theme(self, name: str) -> None:
        """Show in other colours."""
        self.theme = name

    def action_use_zone(self, utc: bool) -> None:
        """Show times in UTC, or in this machine's zone."""
        use_utc(utc)
        for screen in self.screen_stack:
            for widget in (screen, *screen.walk_children()):
                widget.refresh()
            if isinstance(screen, SagazScreen):
                screen.zone_changed()

    def action_help(self) -> None:
        """Show the keys."""
        from sagaz_tui.screens.help import HelpScreen

        if isinstance(self.screen, SagazScreen) and not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen.PLACE))

    def action_help_quit(self) -> None:
        """Say how to leave to somebody who tries it as elsewhere."""
        key = keys_called("quit", self.settings.keys) or keys_called("quit-typing", {})
        self.notify(f"{key} quits", markup=False, timeout=3)

    def was_warned(self, warning: str) -> bool:
        """Whether the key just before this one was answered with a warning; this one is now.

        A warning that was given long ago is none: who has gone on since has not agreed to it.
        """
        before, count = self._warned
        self._warned = (warning, self.key_count)
        return warning == before and self.key_count - count <= 1

    async def action_quit(self) -> None:
        """Leave; asked twice if something would be lost."""
        reasons = [
            screen.reason_to_stay
            for screen in self.screen_stack
            if isinstance(screen, SagazScreen) and screen.reason_to_stay
        ]
        warning = f"{', '.join(reasons)}; q again quits"
        if reasons and not self.was_warned(warning):
            self.notify(warning, markup=False, severity="warning")
            return
        self.exit()
