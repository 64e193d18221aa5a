"""Opens a Redis store: checks its schema, and warns of a server that may lose what it keeps."""

from __future__ import annotations

import asyncio
import logging

from sagaz_core.errors import SchemaTooNewError, StorageUnavailableError
from sagaz_core.storage.backends.redis.address import describe, name_of
from sagaz_core.storage.backends.redis.check import server_findings
from sagaz_core.storage.backends.redis.connection import RedisConnection
from sagaz_core.storage.backends.redis.keys import SCHEMA, Keys, number_of

_log = logging.getLogger("sagaz")


class RedisOpening:
    """The connection to a store while it is open: that of the event loop which asks for it."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys
        self._connection: RedisConnection | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._warned = False

    async def open(self, *, read_only: bool) -> None:
        """Connect, if that is not done yet; raises StorageError."""
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        async with self._opening[1]:
            if self._connection is not None:
                return
            connection = await RedisConnection.open(self._url)
            try:
                await self._check_schema(connection, read_only)
                if not read_only:
                    await self._warn_once(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection

    async def _check_schema(self, connection: RedisConnection, read_only: bool) -> None:
        if not read_only:
            await connection.run(("SET", self._keys.schema, SCHEMA, "NX"))
        (found,) = await connection.run(("GET", self._keys.schema))
        if found is None:
            raise StorageUnavailableError(
                f"there is no store at {describe(self._url)} under the prefix "
                f"{self._keys.prefix!r}; record a saga into it first, or name another with "
                "--storage-url"
            )
        schema = number_of(found)
        if schema > SCHEMA:
            raise SchemaTooNewError(
                f"{describe(self._url)} was written by a newer sagaz (schema {schema}, this "
                f"one knows {SCHEMA}); upgrade sagaz to open it"
            )

    async def _warn_once(self, connection: RedisConnection) -> None:
        if not self._warned:
            self._warned = True
            for finding in await server_findings(connection):
                if finding.level != "ok":
                    _log.warning("%s: %s; %s", name_of(self._url), finding.what, finding.advice)

    async def close(self) -> None:
        """Give the connection back, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def connection(self) -> RedisConnection:
        """Return the connection of this event loop; raises StorageError if the store is closed."""
        connection = self._connection
        if connection is None:
            raise StorageUnavailableError(f"{name_of(self._url)} is closed; open the storage first")
        if connection.loop is not asyncio.get_running_loop():
            self._connection = await RedisConnection.open(self._url)
            await connection.close()
            return self._connection
        return connection
