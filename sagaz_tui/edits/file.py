"""Staged edits in a file, as ``sagaz replay run --overrides FILE`` reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from sagaz_core.errors import SagazError
from sagaz_core.replay.overrides import Override, parse_override
from sagaz_tui.edits.secrets import KnownSecrets
from sagaz_tui.edits.staged import StagedEdit
from sagaz_tui.edits.written import collect_overrides
from sagaz_tui.showing.text import visible


class EditsFileError(SagazError):
    """The file cannot be written, or what is in it cannot be staged; the message says why."""


def save_edits(place: str, edits: Sequence[StagedEdit], secrets: KnownSecrets) -> str:
    """Write edits, but no secret, to a new file that only this user can read; return in words how.

    Raises:
        EditsFileError: there is a file of that name, or it cannot be written.
    """
    secret = [each for each in edits if secrets.are_at(each.pointer)]
    path = save_overrides(place, [each.override for each in edits if each not in secret])
    said = f"saved to {visible(str(path))}"
    if secret:
        names = ", ".join(visible(each.pointer) for each in secret)
        said += f", without {len(secret)} secret{'s' * (len(secret) > 1)}: {names}"
    return said


def save_overrides(place: str, overrides: Sequence[Override]) -> Path:
    """Write overrides to a new file that only this user can read, and return its path.

    Raises:
        EditsFileError: there is a file of that name, or it cannot be written.
    """
    path = Path(place).expanduser()
    text = json.dumps([str(each) for each in overrides], indent=2) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise EditsFileError(f"{path} is there already; give another name") from error
    except OSError as error:
        raise EditsFileError(f"cannot write {path}: {error.strerror}") from error
    return path


def load_overrides(place: str) -> tuple[Override, ...]:
    """Return the overrides of a file: a JSON object of keys and values, or a list of overrides.

    Raises:
        SagazError: it cannot be read, or one cannot be written in a line.
    """
    overrides = collect_overrides((), str(Path(place).expanduser().absolute()))
    for each in overrides:
        if parse_override(str(each)) != each:
            raise EditsFileError(
                f"the key of {each.pointer} cannot be written before an equals sign; set it with "
                "`sagaz replay run --overrides FILE`"
            )
    return overrides
