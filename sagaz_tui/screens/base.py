"""What all screens share: one way back, a reason to stay, and a sentence where nothing fits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from textual.events import Key, Resize, ScreenResume
from textual.screen import UPDATE_PERIOD, Screen
from textual.widgets import Static
from textual.worker import Worker

from sagaz_tui.keys.table import Where
from sagaz_tui.showing.clipboard import copy_obstacle
from sagaz_tui.showing.compositor import LineCompositor
from sagaz_tui.showing.text import visible

if TYPE_CHECKING:
    from textual.binding import BindingsMap
    from textual.dom import DOMNode
    from textual.widget import Widget

    from sagaz_core.storage.storage import SnapshotStorage
    from sagaz_tui.app import SagazApp

MIN_WIDTH, MIN_HEIGHT = 40, 10
PATIENCE: Final = 3.0
"""Seconds that a key waits for what it needs to be read."""

Result = TypeVar("Result")


class SagazScreen(Screen[Result], Generic[Result], inherit_bindings=False):
    """A screen of this program. It has no keys but those of the table.

    A terminal too small to show anything useful gets one sentence instead; what was there is
    hidden, not lost, and comes back with the room for it.
    """

    AUTO_FOCUS = ""
    PLACE: ClassVar[Where] = "everywhere"
    """The place in the table of keys that this screen is."""
    MEANS_NOTHING: ClassVar[frozenset[str]] = frozenset()
    """Ids of keys of that place that mean nothing here."""
    DEFAULT_CSS = """
    SagazScreen { background: $s-bg; color: $s-text; }
    SagazScreen Input:focus { background-tint: $s-bg 0%; }
    SagazScreen Input:ansi > .input--cursor { background: ansi_default; color: ansi_default; }
    SagazScreen > #too-small { display: none; width: 100%; height: 100%; color: $s-changed; }
    SagazScreen.-too-small > * { display: none; }
    SagazScreen.-too-small > #too-small { display: block; }
    """

    input_at: float = 0.0
    """When the key or click that is acted on arrived, on the clock of Textual's events."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = asyncio.Event()
        self.filled = asyncio.Event()
        """Set once there is what the keys of this screen are meant for, or it has taken long."""
        self.filled.set()
        self._compositor = LineCompositor()
        self._bound: tuple[Widget | None, list[tuple[DOMNode, BindingsMap]]] | None = None
        self._painted_at = 0.0

    @property
    def _binding_chain(self) -> list[tuple[DOMNode, BindingsMap]]:
        """What is bound where, from the widget with the keys up: the same until they move.

        Textual works it out twice for each key.
        """
        if self._bound is None or self._bound[0] is not self.focused:
            self._bound = self.focused, super()._binding_chain
        return self._bound[1]

    def paint(self) -> None:
        """Send what has changed to the terminal at once, not with the next frame.

        No more often than there are frames, so that keys that come faster share one.
        """
        now = monotonic()
        if now - self._painted_at >= UPDATE_PERIOD and not self._layout_required:
            self._painted_at = now
            self._on_timer_update()

    @property
    def is_current(self) -> bool:
        """Whether it is seen: on top, or below a screen that one can see through."""
        above = self.app.screen_stack
        here = next((place for place, screen in enumerate(above) if screen is self), len(above))
        return here < len(above) and not any(
            screen.styles.background.a == 1 for screen in above[here + 1 :]
        )

    @property
    def sagaz(self) -> SagazApp:
        """The app, by its own type."""
        return cast("SagazApp", self.app)

    @property
    def storage(self) -> SnapshotStorage:
        """Where this screen reads."""
        return self.sagaz.storage

    @property
    def reason_to_stay(self) -> str:
        """What would be lost by quitting now, as a clause; empty: nothing would."""
        return ""

    @property
    def is_filled(self) -> bool:
        """Whether the screen has the focus, and what its keys are meant for."""
        return self._arrived.is_set() and self.filled.is_set()

    async def until_filled(self) -> None:
        """Wait for the focus and for what is read first, though not for long, and once."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._arrived.wait()
                await self.filled.wait()
        except TimeoutError:
            self._arrived.set()
            self.filled.set()

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Take note of having the focus, which is given once this has been dealt with."""
        self.call_next(self._arrived.set)

    def in_background(
        self, group: str, job: Callable[..., Coroutine[Any, Any, None]], *arguments: object
    ) -> Worker[None]:
        """Run a job as this screen's only one of its group; it ends with the screen."""
        # Not the coroutine itself: one that is cancelled before it starts would never be awaited.
        work = cast("Any", partial(job, *arguments))
        return self.run_worker(work, group=group, exclusive=True)

    async def run_by_name(self, call: str) -> None:
        """Call an action that a key of this screen calls, perhaps of the widget with the keys."""
        name = call.partition("(")[0]
        widget = self.focused
        target = widget if hasattr(widget, f"action_{name}") else self
        await self.app.run_action(call, target)

    def too_small(self) -> Static:
        """The sentence for a terminal that is too small; each screen composes it once."""
        text = f"too small: make it {MIN_WIDTH}x{MIN_HEIGHT}"
        return Static(text, id="too-small", markup=False)

    def displayed(self) -> None:
        """What has been drawn last is on the terminal now."""

    def copy(self, text: str, what: str) -> None:
        """Copy a text, or show it where it cannot be; ``what`` says what it is."""
        if reason := copy_obstacle(text):
            # Imported here: nothing needs it until a terminal cannot copy.
            from sagaz_tui.screens.copying import CopyScreen

            self.app.push_screen(CopyScreen(text, what, reason))
        else:
            self.app.copy_to_clipboard(text)
            self.notify(f"copied {visible(what)}", markup=False, timeout=3)

    def zone_changed(self) -> None:
        """Times are shown in another zone from now on; what is painted is painted anew."""

    def on_key(self, event: Key) -> None:
        """Remember when the key came that is about to be acted on."""
        self.input_at = event.time

    def on_resize(self, event: Resize) -> None:
        """Hide everything but one sentence while the terminal is too small."""
        small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        self.set_class(small, "-too-small")

    def action_back(self) -> None:
        """Go back one layer."""
        self.dismiss(None)
