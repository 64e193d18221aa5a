"""The address of a store as a person writes it: a URL, or the path of an SQLite file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sagaz_core.errors import UsageError

DEFAULT_STORAGE_URL: Final = "sqlite:///sagaz.db"
DEFAULT_URLS: Final = {"sqlite": DEFAULT_STORAGE_URL, "redis": "redis://localhost:6379"}
"""By kind of store, where it is if nobody says."""
_SQLITE: Final = "sqlite:///"
_PASSWORD: Final = re.compile(r"^((?!sqlite:)\w+://[^:@]*):.*@", re.IGNORECASE)
_SECRET_OPTION: Final = re.compile(r"([?&](?:ssl_)?password=)[^&]*", re.IGNORECASE)
_MISSPELT: Final = re.compile(r"rediss?(:/?[^/]|//).*@", re.IGNORECASE)


def as_url(text: str) -> str:
    """Return what was written as a URL; raises UsageError for a misspelt one."""
    # Taken for the name of a file, it would be shown with its password.
    if _MISSPELT.match(text):
        raise UsageError("the store's address misspells redis://; write redis://HOST:PORT/0")
    return text if "://" in text else _SQLITE + text.replace("%", "%25")


def file_url(path: Path) -> str:
    """Return the address of an SQLite file."""
    return as_url(str(path.absolute()))


def mask_url(url: str) -> str:
    """Return a storage URL without its password, even if it is no valid one."""
    url = _SECRET_OPTION.sub(r"\1***", url)
    return _PASSWORD.sub(r"\1:***@", url)


def anchored(url: str, folder: Path) -> str:
    """Make an SQLite path in a settings file relative to that file, not to where one stands."""
    path = url.removeprefix(_SQLITE)
    if path == url or path.startswith("/"):
        return url
    return as_url(os.path.normpath(folder / unquote(path)))


def kind_of(url: str) -> str:
    """Return what kind of store a URL names: ``sqlite``, ``redis`` or one that there is not."""
    scheme = url.partition("://")[0].lower()
    return {"rediss": "redis"}.get(scheme, scheme)


def check_kind(kind: str, source: str) -> None:
    """Raise UsageError for a kind of store that cannot be opened; ``source`` is who named it."""
    if kind == "memory":
        raise UsageError(
            f"{source}: memory storage lives inside the process that records, so a command would "
            "find it empty; record into SQLite and name it with --storage-url sqlite:///PATH"
        )
    if kind not in DEFAULT_URLS:
        raise UsageError(f"{source}: unknown storage {kind!r}; use {' or '.join(DEFAULT_URLS)}")
