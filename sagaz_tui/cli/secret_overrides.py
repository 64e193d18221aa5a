"""Overrides of secrets: typed without echo, or taken from the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sagaz_core.errors import UsageError
from sagaz_core.replay.overrides import Override, parse_override
from sagaz_core.replay.pointer import split_pointer, to_pointer
from sagaz_tui.cli.exits import say
from sagaz_tui.edits.setting_secrets import sets_secret
from sagaz_tui.secrecy import sensitive_fields_of
from sagaz_tui.settings import Settings
from sagaz_tui.showing.text import visible


def ask_secrets(asked: Sequence[str]) -> tuple[Override, ...]:
    """Return an override for each place, its value typed by a person or from a variable.

    Args:
        asked: ``key`` or a pointer, each alone or with ``=VARIABLE``.

    Raises:
        UsageError: there is nobody to ask, or no such variable.
    """
    return tuple(_ask(*text.partition("=")[::2]) for text in asked)


def warn_of_secrets(settings: Settings, given: Sequence[str], asked: Sequence[str]) -> None:
    """Say which secrets others can read on the command line, and which are kept as no secrets.

    Args:
        settings: they say which values are secrets.
        given: overrides as typed.
        asked: places whose new value is asked for, as typed.
    """
    fields = sensitive_fields_of(settings)
    for text in given:
        override = parse_override(text)
        if override.operator == "=@" or not sets_secret(fields, override):
            continue
        pointer = visible(override.pointer)
        if fields.hold(split_pointer(override.pointer)):
            what, instead = "is", f"--secret {pointer} to be asked for it"
        else:
            what, instead = "holds", f"--override {pointer}=@FILE to have it read from a file"
        say(
            f"warning: the new value of {pointer} {what} a secret, and others on this machine "
            f"can read it in the list of processes; say {instead}"
        )
    for text in asked:
        pointer = to_pointer(text.partition("=")[0])
        if not fields.hold(split_pointer(pointer)):
            say(
                f"warning: {pointer} is none of the sensitive_fields in the settings, so its new "
                "value is recorded and shown as it is"
            )


def _ask(place: str, variable: str) -> Override:
    pointer = to_pointer(place)
    if variable:
        value = os.environ.get(variable)
        if value is None:
            raise UsageError(
                f"--secret {place}={variable}: there is no variable {variable} in the environment"
            )
        return Override(pointer, "=", value)
    if not sys.stdin.isatty():
        raise UsageError(
            f"--secret {place}: there is no terminal to type it on; name a variable, as in "
            f"--secret {place}=NEW_VALUE, or a file, as in --override {place}=@FILE"
        )
    from getpass import getpass

    return Override(pointer, "=", getpass(f"{visible(pointer)}: "))
