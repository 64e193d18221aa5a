"""The question before a run is stopped, and the graver one before its process is killed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Event
from textual.widgets import Static

from sagaz_tui.keys.table import sheet_bindings
from sagaz_tui.replaying.stopping import Stoppable
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import safe_text


class StopScreen(Sheet[bool]):
    """Dismissed with whether to go ahead. Only a key that came after it was painted counts.

    Args:
        replay: what runs.
        kill: ask whether to end the process where it is.
    """

    CSS_PATH = "stop.tcss"
    PLACE = "stop"
    BINDINGS = [*sheet_bindings("stop")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, replay: Stoppable, *, kill: bool) -> None:
        super().__init__()
        self._replay = replay
        self._kill = kill
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield PaneHead("Kill the run" if self._kill else "Stop the run")
            question = kill_question(self._replay) if self._kill else stop_question(self._replay)
            yield Static(safe_text(question), id="question", markup=False)
            left_out = ("help", "quit")
            yield KeyFooter("stop", self.sagaz.settings.keys, leave_out=left_out)

    def on_mount(self) -> None:
        """Light its heading."""
        self.query_one(PaneHead).set_active(True)

    def displayed(self) -> None:
        """Let keys confirm that come from now on."""
        if self._shown_at is None:
            self._shown_at = Event().time

    def action_confirm(self) -> None:
        """Go ahead."""
        if self._shown_at is not None and self.input_at > self._shown_at:
            self.dismiss(True)

    def action_back(self) -> None:
        """Let it run."""
        self.dismiss(False)


def stop_question(replay: Stoppable) -> str:
    """Ask whether to stop, in a sentence."""
    count = replay.to_undo
    what = f"undo {count} step{'s' * (count != 1)}" if count else "undo nothing"
    after = f" after {_named(replay.under_way)}" if replay.under_way else " before its next step"
    return f"stop{after} and {what}?"


def kill_question(replay: Stoppable) -> str:
    """Ask whether to kill, naming what would be uncertain."""
    if not replay.under_way:
        doubt = "What it did since its last checkpoint"
    elif replay.undoing:
        doubt = f"Whether {_named(replay.under_way)} was undone"
    else:
        doubt = f"Whether {_named(replay.under_way)} happened"
    count = replay.to_undo
    rest = f", and {count} step{'s' * (count != 1)} would not be undone" if count else ""
    return (
        f"Kill process {replay.pid} now? {doubt} would be uncertain{rest}; `sagaz resume` could go "
        "on with it. Left alone, it stops once what is under way has ended."
    )


def _named(steps: Sequence[str]) -> str:
    return visible(", ".join(steps))
