"""The address of a Redis server: whether it is one, and what it is called."""

from __future__ import annotations

from urllib.parse import urlsplit

from sagaz_core.errors import UsageError


def check_url(url: str) -> None:
    """Raise UsageError for what is no address of a Redis server."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port = None
        parts = None
    if (
        parts is None
        or parts.scheme not in ("redis", "rediss")
        or (not parts.hostname)
        or port == 0
    ):
        raise UsageError(
            f"{describe(url)!r} is no address of a Redis server; write redis://HOST:PORT/0, or "
            "rediss:// for TLS"
        )


def describe(url: str) -> str:
    """Return an address without its user, password and options."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def name_of(url: str) -> str:
    """Return what a title calls the store: host, port and database."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}{parts.path.rstrip('/')}"
