"""The command that asks for the same as the screen does, to be run in a shell."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from sagaz_core.replay.overrides import Override
from sagaz_tui.edits.setting_secrets import sets_secret
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.secrecy import sensitive_fields_of
from sagaz_tui.settings import Settings


def as_command(request: ReplayRequest, settings: Settings, secrets: Collection[str] = ()) -> str:
    """Return the command that asks for the same replay of the same store.

    Args:
        request: what is asked for.
        settings: which store it is, and what the settings call secrets.
        secrets: pointers of overrides that are or hold secrets by the plan.
    """
    options = [("--from-step", request.from_step)]
    options += override_options(request.overrides, settings, secrets)
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


def override_options(
    overrides: Sequence[Override], settings: Settings, secrets: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Return the options that set values; a secret is asked for, or read from a file."""
    options = []
    fields = sensitive_fields_of(settings)
    for override in overrides:
        # Others can read the arguments of a command: it asks for a secret when it runs.
        is_secret = override.pointer in secrets or sets_secret(fields, override)
        place = str(Override(override.pointer, "=", "")).removesuffix("=")
        if not is_secret:
            options.append(("--override", str(override)))
        elif override.operator == "=":
            options.append(("--secret", place))
        else:
            # What is no text cannot be typed blindly: whoever runs the command names a file.
            options.append(("--override", f"{place}=@FILE"))
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
