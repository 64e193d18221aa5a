"""What a person has settled beforehand: which store, whose code, how careful to be.

Each value comes from the nearest place that gives it: a flag, then the environment, then
``sagaz.toml`` or ``[tool.sagaz]`` in ``pyproject.toml`` in this folder or one above, then the
default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sagaz_core.compliance.config import PERMISSIONS
from sagaz_core.errors import UsageError
from sagaz_tui.settings_file import KINDS, find_file
from sagaz_tui.store_address import (
    DEFAULT_STORAGE_URL,
    DEFAULT_URLS,
    as_url,
    check_kind,
    kind_of,
    mask_url,
)

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "theme": ("dark", "light", "contrast", "ansi"),
    "times": ("local", "utc"),
}
"""What those settings may be that are one of a few; the first is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force, and where each came from."""

    storage_url: str = DEFAULT_STORAGE_URL
    sagas: tuple[str, ...] = ()
    """Modules that define sagas: ``shop.sagas``."""
    factories: Mapping[str, str] = field(default_factory=dict)
    """Class name of a saga to what builds it: ``OrderSaga`` to ``shop.sagas:create_order``."""
    read_only: bool = False
    production: str = ""
    """The store's label, such as ``PROD-EU``; empty: not a production store."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key bindings of the screen, by their id."""
    theme: str = CHOICES["theme"][0]
    """The screen's colours: ``ansi`` are the terminal's own sixteen."""
    times: str = CHOICES["times"][0]
    """In which zone the screen shows times: this machine's, or UTC."""
    allow: tuple[str, ...] = PERMISSIONS
    """What this program may do; a guard rail."""
    compliance: Mapping[str, Any] = field(default_factory=dict)
    """Which values are secrets, and where the keys are; see :mod:`sagaz_tui.secrecy`."""
    file: Path | None = None
    """The settings file that was read."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """For each value: ``default``, or the flag, the variable or the file that gave it."""

    @property
    def limits(self) -> str:
        """What this program may not do here, for a title; empty: it may do everything."""
        words = ["READ ONLY"] if self.read_only else []
        if set(self.allow) < set(PERMISSIONS):
            may = ", ".join(each.upper() for each in PERMISSIONS if each in self.allow)
            words.append(f"MAY {may or 'DO NOTHING'}")
        return "  ".join(words)

    @property
    def code_folders(self) -> tuple[Path, ...]:
        """Where modules named in the settings are looked for before the installed ones."""
        folders = [Path.cwd()]
        if self.file is not None and self.file.parent not in folders:
            folders.append(self.file.parent)
        return tuple(folders)


def load_settings(
    *,
    storage: str | None = None,
    storage_url: str | None = None,
    flag: str = "--storage-url",
    read_only: bool = False,
    theme: str | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Return the settings in force.

    Args:
        storage: the flag ``--storage``: ``sqlite`` or ``redis``.
        storage_url: the flag ``--storage-url``: a URL, or the path of an SQLite file.
        flag: what that flag is called in messages, where a command has more than one store.
        read_only: the flag ``--read-only``.
        theme: the flag ``--theme``.
        environ: the environment; by default this process's.
        folder: where to look for a settings file first; by default the current folder.

    Raises:
        UsageError: a value is not what it must be; the message names where it stands.
    """
    environment = os.environ if environ is None else environ
    file, values = find_file(folder or Path.cwd())
    sources = dict.fromkeys(values, str(file))
    for name, value in _from_environment(environment).items():
        values[name], sources[name] = value, f"environment {_variable(name)}"
    if read_only:
        values["read_only"], sources["read_only"] = True, "--read-only"
    if theme is not None:
        values["theme"], sources["theme"] = theme, "--theme"
    for name, choices in CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            wrong, there_are = values[name], " or ".join(choices)
            raise UsageError(f"{sources[name]}: {name} is {wrong!r}; set it to {there_are}")
    _apply_storage_flags(values, sources, storage, storage_url, flag)
    return Settings(
        storage_url=values.get("storage_url", DEFAULT_STORAGE_URL),
        sagas=tuple(values.get("sagas", ())),
        factories=values.get("factories", {}),
        read_only=values.get("read_only", False),
        production=values.get("production", ""),
        keys=values.get("keys", {}),
        **{name: values.get(name, choices[0]) for name, choices in CHOICES.items()},
        allow=tuple(values.get("allow", PERMISSIONS)),
        compliance=values.get("compliance", {}),
        file=file,
        sources={name: sources.get(name, "default") for name in KINDS},
    )


# ---------------------------------------------------------------- environment and flags


def _variable(name: str) -> str:
    return f"SAGAZ_{name.upper()}"


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if url := environment.get("SAGAZ_STORAGE_URL"):
        values["storage_url"] = as_url(url)
    if "SAGAZ_SAGAS" in environment:
        names = environment["SAGAZ_SAGAS"].split(",")
        values["sagas"] = [name.strip() for name in names if name.strip()]
    if "SAGAZ_READ_ONLY" in environment:
        values["read_only"] = _truth("SAGAZ_READ_ONLY", environment["SAGAZ_READ_ONLY"])
    if "SAGAZ_PRODUCTION" in environment:
        values["production"] = environment["SAGAZ_PRODUCTION"]
    for name in CHOICES:
        if chosen := environment.get(_variable(name)):
            values[name] = chosen
    return values


def _truth(variable: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise UsageError(f"{variable} is {text!r}; set it to 1 or 0")
    return word in _TRUE


def _apply_storage_flags(
    values: dict[str, Any],
    sources: dict[str, str],
    storage: str | None,
    storage_url: str | None,
    flag: str,
) -> None:
    if storage_url is not None:
        values["storage_url"], sources["storage_url"] = as_url(storage_url), flag
    if storage is not None:
        check_kind(storage, "--storage")
        if kind_of(values.get("storage_url", DEFAULT_STORAGE_URL)) != storage:
            if storage_url is not None:
                raise UsageError(
                    f"--storage {storage} and {flag} {mask_url(storage_url)} contradict "
                    "each other; leave --storage out"
                )
            values["storage_url"] = DEFAULT_URLS[storage]
            sources["storage_url"] = f"--storage {storage}"
    if "storage_url" in values:
        check_kind(kind_of(values["storage_url"]), sources["storage_url"])
