"""The command that asks for the same as the screen does, to be run in a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.replay.overrides import Override
from sagaz_core.replay.pointer import split_pointer
from sagaz_tui.replay_process import ReplayRequest
from sagaz_tui.settings import Settings


def as_command(request: ReplayRequest, settings: Settings) -> str:
    """Return the command that asks for the same replay of the same store."""
    options = [("--from-step", request.from_step)]
    options += override_options(request.overrides, settings)
    options += [("--allow-type", pointer) for pointer in request.allow_type]
    if request.snapshot_id is not None:
        options.append(("--snapshot", request.snapshot_id))
    if request.compensated != "redo":
        options.append(("--compensated", request.compensated))
    if request.in_doubt is not None:
        options.append(("--in-doubt", request.in_doubt))
    if request.reason:
        options.append(("--reason", request.reason))
    words = [word for name, value in options for word in _option(name, value)]
    words += ["--again"] * request.again
    words += store_words(settings)
    saga_id = request.saga_id
    words = [*words, "--", saga_id] if saga_id.startswith("-") else [saga_id, *words]
    return shlex.join(["sagaz", "replay", "run", *words])


def override_options(overrides: Sequence[Override], settings: Settings) -> list[tuple[str, str]]:
    """Return the options that set values; one that the settings call a secret is asked for."""
    options = []
    secret = SensitiveFields(settings.compliance.get("sensitive_fields", ()))
    for override in overrides:
        # Others can read the arguments of a command: it asks for a secret when it runs.
        is_secret = secret.hold(split_pointer(override.pointer))
        place = str(Override(override.pointer, "=", "")).removesuffix("=")
        options.append(("--secret", place) if is_secret else ("--override", str(override)))
    return options


def _option(name: str, value: str) -> list[str]:
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def store_words(settings: Settings) -> list[str]:
    """Return the option that names the store, if only a flag did so.

    One with a password in it is left out: others can read the arguments of a command.
    """
    by_flag = settings.sources.get("storage_url", "").startswith("--")
    if not by_flag or urlsplit(settings.storage_url).password:
        return []
    return ["--storage-url", settings.storage_url]
