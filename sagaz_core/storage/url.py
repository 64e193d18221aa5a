"""A store by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode

from sagaz_core.errors import UsageError
from sagaz_core.storage.storage import SnapshotStorage

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager


def open_storage(
    url: str,
    read_only: bool = False,
    *,
    compliance: ComplianceConfig | ComplianceManager | None = None,
) -> SnapshotStorage:
    """Return the store at an address; nothing is opened yet.

    ``memory://`` is a new store in this process; ``sqlite:///orders.db`` a file relative to the
    working directory, ``sqlite:////var/lib/orders.db`` one by its full path;
    ``redis://HOST:PORT/0`` a Redis server's or cluster's keys that begin with ``sagaz:``, or
    with what ``?key_prefix=`` says; ``rediss://`` likewise over TLS. Raises UsageError for any
    other address.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme == "memory":
        from sagaz_core.storage.backends.memory.backend import InMemorySnapshotStorage

        return InMemorySnapshotStorage(read_only=read_only, compliance=compliance)
    if scheme == "sqlite":
        # Not parsed any further: a file's name may hold ? and #.
        path = unquote(rest)
        if not path.startswith("/") or path == "/":
            raise UsageError(
                f"{url!r} names no file; write sqlite:///orders.db, or sqlite:////full/path.db"
            )
        from sagaz_core.storage.backends.sqlite.backend import SQLiteSnapshotStorage

        return SQLiteSnapshotStorage(path[1:], read_only=read_only, compliance=compliance)
    if scheme in ("redis", "rediss"):
        from sagaz_core.storage.backends.redis.backend import RedisSnapshotStorage

        address, prefix = _without_prefix(url)
        return RedisSnapshotStorage(
            address, prefix or "sagaz:", read_only=read_only, compliance=compliance
        )
    raise UsageError(
        f"no storage is known by {scheme or url!r}; use sqlite:///FILE, redis://HOST:PORT or "
        "memory://"
    )


def _without_prefix(url: str) -> tuple[str, str | None]:
    """Return the address that the driver takes, and the key prefix that it names."""
    address, _, query = url.partition("?")
    options = dict(parse_qsl(query))
    prefix = options.pop("key_prefix", None)
    return (f"{address}?{urlencode(options)}" if options else address), prefix
