"""The line in which a file is named that sets values in single sagas of a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from textual.containers import Horizontal
from textual.widgets import Input, Static

from sagaz_tui.keys.table import bindings_for

_HINT: Final = "a .csv with the header saga_id,KEY,… or a .jsonl; empty: no file"

Take = Callable[[str], Awaitable[None]]


class FileInput(Input):
    """Where the file is named. What ``enter`` does is done at once: the next key finds it done."""

    BINDINGS = [*bindings_for("file")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, take: Take) -> None:
        super().__init__(id="file", compact=True, placeholder=_HINT)
        self._take = take

    async def action_submit(self) -> None:
        """Take the file that is named."""
        await self._take(self.value.strip())


class FileLine(Horizontal):
    """Hidden until somebody wants to name a file; ``take`` gets its path, empty for none."""

    DEFAULT_CSS = """
    FileLine { height: 1; background: $s-bg; }
    FileLine Static { width: 6; color: $s-live; }
    FileLine FileInput { width: 1fr; height: 1; background: $s-cursor; color: $s-text; }
    FileLine FileInput > .input--placeholder { color: $s-muted; }
    FileLine FileInput:focus > .input--placeholder { color: $s-text; }
    """

    def __init__(self, take: Take) -> None:
        self._input = FileInput(take)
        super().__init__(Static(" file ", markup=False), self._input)
        self.display = False

    @property
    def typing(self) -> bool:
        """Whether the line is open."""
        return bool(self.display)

    def open(self, path: str) -> None:
        """Let a file be named, beginning with this one."""
        self._input.value = path
        self.display = True
        self.screen.set_focus(self._input)

    def close(self) -> None:
        """Leave the line."""
        self.display = False
        self.screen.set_focus(None)
