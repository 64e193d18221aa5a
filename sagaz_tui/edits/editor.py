"""The person's own editor on one value, in a file that only they can read, removed after."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagaz_core.errors import OverrideError, SagazError
from sagaz_core.model import MISSING, NotStored
from sagaz_core.replay.overrides import Operator, Override
from sagaz_core.replay.value_reading import read_text
from sagaz_tui.showing.values import json_form, json_text, value_text


class EditorError(SagazError):
    """The editor could not be run, or ended badly; the text is as it was."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A value as a text to edit, and the operator with which it is read back."""

    text: str
    operator: Operator

    @property
    def suffix(self) -> str:
        """What the file's name ends in."""
        return ".json" if self.operator == ":=" else ".txt"


def draft_of(value: Any) -> Draft:
    """Return a value as a text where that is read back as the same, else as JSON."""
    if value is MISSING or isinstance(value, NotStored):
        return Draft("", "=")
    if isinstance(value, str):
        return Draft(value, "=")
    if not isinstance(value, (dict, list, tuple, set, frozenset)):
        text = value_text(value)
        try:
            same = read_text(text, value)
        except OverrideError:
            same = MISSING
        if type(same) is type(value) and same == value:
            return Draft(text, "=")
    return Draft(json_text(json_form(value)), ":=")


def override_from(pointer: str, draft: Draft, text: str) -> Override:
    """Return the override that sets a place to what a draft has become."""
    if draft.operator == "=" and text.startswith("@"):
        # It would be read as the name of a file.
        return Override(pointer, ":=", json.dumps(text))
    return Override(pointer, draft.operator, text)


def editor_command() -> list[str]:
    """Return the command of ``$VISUAL`` or ``$EDITOR``; empty: there is none."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        return shlex.split(chosen)
    except ValueError:
        return [chosen]


def edit_text(draft: Draft, command: Sequence[str]) -> str:
    """Let a person edit a text, and return what it is then. It waits for the editor to end.

    Raises:
        EditorError: the editor cannot be run, ended with an error, or left no text.
    """
    place = os.environ.get("XDG_RUNTIME_DIR") or None
    try:
        # Of its own, so that what the editor puts beside the file goes with it.
        with tempfile.TemporaryDirectory(prefix="sagaz-edit-", dir=place) as folder:
            path = Path(folder) / f"value{draft.suffix}"
            path.touch(mode=0o600)
            path.write_bytes(draft.text.encode("utf-8", "surrogatepass"))
            _run([*command, str(path)])
            text = path.read_bytes().decode("utf-8", "surrogatepass")
    except OSError as error:
        reason = error.strerror or error
        raise EditorError(
            f"{command[0]} cannot edit this: {reason}; nothing was changed"
        ) from error
    except UnicodeDecodeError as error:
        raise EditorError("the editor left no UTF-8 text; nothing was changed") from error
    # Editors end a file with a line end, whether the value had one or not.
    return text if draft.text.endswith("\n") else text.removesuffix("\n")


def _run(command: Sequence[str]) -> None:
    code = subprocess.run(command, check=False).returncode
    if code:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        raise EditorError(f"{command[0]} ended with {how}; nothing was changed")
