"""The question before a batch is gone on with."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Event
from textual.widgets import Input, Static

from sagaz_tui.batch_progress import BatchProgress
from sagaz_tui.keys import bindings_for
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.text import visible
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import safe_text


class BatchResumeScreen(Sheet[bool]):
    """Dismissed with whether to go on. Only a key that came after it was painted counts.

    Args:
        progress: how far the batch is.
    """

    CSS_PATH = "batch_resume.tcss"
    PLACE = "resume"
    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        *bindings_for("resume"),
        *(binding for binding in bindings_for("everywhere") if binding.id == "back"),
    ]

    def __init__(self, progress: BatchProgress) -> None:
        super().__init__()
        self._progress = progress
        self._typed = Input(id="typed", compact=True)
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        label = self.sagaz.settings.production
        yield self.too_small()
        with Vertical(id="sheet"):
            yield PaneHead("Go on with the batch")
            yield Static(safe_text(resume_question(self._progress)), id="question", markup=False)
            if label:
                text = f" {visible(label)} is in production. Type {self._progress.left}: "
                with Horizontal(id="ask"):
                    yield Static(safe_text(text), id="prompt", markup=False)
                    yield self._typed
            yield KeyFooter("resume", self.sagaz.settings.keys, leave_out=("help", "quit"))

    def on_mount(self) -> None:
        """Light its heading, and let the number be typed where it has to be."""
        self.query_one(PaneHead).set_active(True)
        if self.sagaz.settings.production:
            self.set_focus(self._typed)

    def displayed(self) -> None:
        """Let keys confirm that come from now on."""
        if self._shown_at is None:
            self._shown_at = Event().time

    def _seen(self) -> bool:
        return self._shown_at is not None and self.input_at > self._shown_at

    def action_confirm(self) -> None:
        """Go on."""
        if not self.sagaz.settings.production and self._seen():
            self.dismiss(True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on, if what was typed is how many are left."""
        if not self._seen():
            return
        if event.value.strip().replace(",", "") == str(self._progress.left):
            self.dismiss(True)
        else:
            text = f"that is not {self._progress.left}; nothing was started"
            self.notify(text, markup=False, timeout=4)

    def action_back(self) -> None:
        """Leave it as it is."""
        self.dismiss(False)


def needs_no_canary(progress: BatchProgress) -> bool:
    """Whether the one that runs first would stop it again: it has failed, and none succeeded."""
    return bool(progress.counts["failed"]) and not progress.counts["succeeded"]


def resume_question(progress: BatchProgress) -> str:
    """Ask whether to go on, in a sentence or two."""
    left = progress.left
    which = f"the {left:,} sagas that are left" if left > 1 else "the one saga that is left"
    question = f"Replay {which}, with what the batch was begun with?"
    if needs_no_canary(progress):
        return (
            f"{question} The first that ran has failed; look at why before. They all run, and no "
            "one of them first."
        )
    if progress.counts["succeeded"]:
        return f"{question} What has ended stays as it ended."
    return f"{question} One of them runs first."
