"""Overrides of secrets: typed without echo, or taken from the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sagaz_core.errors import UsageError
from sagaz_core.replay.overrides import Override, parse_override
from sagaz_core.replay.pointer import split_pointer, to_pointer
from sagaz_tui.cli.exits import say
from sagaz_tui.secrecy import compliance_of
from sagaz_tui.settings import Settings
from sagaz_tui.text import visible


def ask_secrets(asked: Sequence[str]) -> tuple[Override, ...]:
    """Return an override for each place, its value typed by a person or from a variable.

    Args:
        asked: ``key`` or a pointer, each alone or with ``=VARIABLE``.

    Raises:
        UsageError: there is nobody to ask, or no such variable.
    """
    return tuple(_ask(*text.partition("=")[::2]) for text in asked)


def warn_of_secrets(settings: Settings, given: Sequence[str]) -> None:
    """Say which secrets stand on the command line, where others can read them."""
    compliance = compliance_of(settings, writes=False)
    if compliance is None or not compliance.sensitive_fields:
        return
    from sagaz_core.compliance.fields import SensitiveFields

    fields = SensitiveFields(compliance.sensitive_fields)
    for text in given:
        override = parse_override(text)
        if override.operator != "=@" and fields.hold(split_pointer(override.pointer)):
            say(
                f"warning: the new value of {override.pointer} is a secret, and others on this "
                f"machine can read it in the list of processes; say --secret "
                f"{override.pointer} to be asked for it"
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
