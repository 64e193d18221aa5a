"""The question before a batch is gone on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Event
from textual.widgets import Input, Static

from sagaz_tui.batch.progress import BatchProgress
from sagaz_tui.batch.request import IN_DOUBT_WAYS, InDoubt
from sagaz_tui.keys.table import keys_in, sheet_bindings, shown_keys
from sagaz_tui.screens.sheet import Sheet
from sagaz_tui.showing.text import visible
from sagaz_tui.widgets.key_footer import KeyFooter
from sagaz_tui.widgets.pane_head import PaneHead
from sagaz_tui.widgets.safe_text import safe_text

_NOT_HERE: Final = ("help", "quit")


@dataclass(frozen=True, slots=True)
class Resumption:
    """How a batch is gone on with; ``in_doubt`` is what happens with steps in doubt."""

    in_doubt: InDoubt
    canary: bool


class BatchResumeScreen(Sheet[Resumption | None]):
    """Dismissed with how to go on, or None. Only a key that came after it was painted counts.

    Args:
        progress: how far the batch is.
    """

    CSS_PATH = "batch_resume.tcss"
    PLACE = "resume"
    BINDINGS = [*sheet_bindings("resume")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, progress: BatchProgress) -> None:
        super().__init__()
        self._progress = progress
        self._in_doubt: InDoubt = None
        self._question = Static(id="question", markup=False)
        self._prompt = Static(id="prompt", markup=False)
        self._typed = Input(id="typed", compact=True)
        self._footer = KeyFooter("resume", self.sagaz.settings.keys, leave_out=_NOT_HERE)
        self._shown_at: float | None = None

    def compose(self) -> ComposeResult:
        """Lay the sheet out."""
        yield self.too_small()
        with Vertical(id="sheet"):
            yield PaneHead("Go on with the batch")
            yield self._question
            if self.sagaz.settings.production:
                with Horizontal(id="ask"):
                    yield self._prompt
                    yield self._typed
            yield self._footer

    def on_mount(self) -> None:
        """Ask, and let the number be typed where it has to be."""
        self.query_one(PaneHead).set_active(True)
        if self.sagaz.settings.production:
            self.set_focus(self._typed)
        self._ask()

    def _ask(self) -> None:
        label = visible(self.sagaz.settings.production)
        row = next(key for key in keys_in("resume") if key.id == "resume.in-doubt")
        names = shown_keys(row, self.sagaz.settings.keys)
        # What can be pressed while somebody types is no letter.
        key = next((name for name in names if not label or len(name) > 1), "")
        question = resume_question(self._progress, self._in_doubt, key)
        self._question.update(safe_text(question))
        self._prompt.update(safe_text(f" {label} is in production. Type {self._count}: "))
        dead = {
            "resume.in-doubt": not self._progress.counts["in_doubt"],
            "resume.confirm": not self._count,
        }
        left_out = [key for key, none in dead.items() if none]
        self._footer.show("resume", leave_out=[*_NOT_HERE, *left_out])
        self._shown_at = None

    @property
    def _count(self) -> int:
        """How many it would go on with."""
        return sagas_to_go_on_with(self._progress, self._in_doubt)

    def displayed(self) -> None:
        """Let keys confirm that come from now on."""
        if self._shown_at is None:
            self._shown_at = Event().time

    def _seen(self) -> bool:
        return bool(self._count) and self._shown_at is not None and self.input_at > self._shown_at

    def action_in_doubt(self) -> None:
        """Choose the next of what can be done with steps in doubt."""
        if self._progress.counts["in_doubt"]:
            at = IN_DOUBT_WAYS.index(self._in_doubt)
            self._in_doubt = IN_DOUBT_WAYS[(at + 1) % len(IN_DOUBT_WAYS)]
            self._ask()

    def action_confirm(self) -> None:
        """Go on."""
        if not self.sagaz.settings.production and self._seen():
            self._go_on()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on, if what was typed is how many are left."""
        if not self._seen():
            return
        if event.value.strip().replace(",", "") == str(self._count):
            self._go_on()
        else:
            self.notify(f"that is not {self._count}; nothing was started", markup=False, timeout=4)

    def _go_on(self) -> None:
        self.dismiss(Resumption(self._in_doubt, canary=not needs_no_canary(self._progress)))

    def action_back(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)


def needs_no_canary(progress: BatchProgress) -> bool:
    """Whether the one that runs first would stop it again: it has failed, and none succeeded."""
    return bool(progress.counts["failed"]) and not progress.counts["succeeded"]


def sagas_to_go_on_with(progress: BatchProgress, in_doubt: InDoubt) -> int:
    """Return how many are left, with those in doubt if it was said what is to be done."""
    return progress.left + (progress.counts["in_doubt"] if in_doubt is not None else 0)


def resume_question(progress: BatchProgress, in_doubt: InDoubt, key: str) -> str:
    """Ask whether to go on, in a few sentences; ``key`` chooses what to do with those in doubt."""
    words = []
    if count := sagas_to_go_on_with(progress, in_doubt):
        which = f"the {count:,} sagas that are left" if count > 1 else "the one saga that is left"
        words.append(f"Replay {which}, with what the batch was begun with?")
    if doubtful := progress.counts["in_doubt"]:
        many = f"{doubtful:,} are in doubt" if doubtful > 1 else "One is in doubt"
        ways = {
            None: f"{many}: whether a step happened is not known. {key}: say what is to be done.",
            "retry": f"{many}: those steps run again. {key}: take them as done.",
            "skip": f"{many}: those steps are taken as done. {key}: leave them.",
        }
        words.append(ways[in_doubt])
    if needs_no_canary(progress):
        words.append("The first that ran has failed; look at why before.")
        words.append("They all run, and no one of them first.")
    elif progress.counts["succeeded"]:
        words.append("What has ended stays as it ended.")
    else:
        words.append("One of them runs first.")
    return " ".join(words)
