"""One Redis server or cluster: batches of commands, questions to its servers, and waiting."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Sequence
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from sagaz_core.errors import StorageError, StorageUnavailableError, UsageError
from sagaz_core.storage.backends.invalid_text import no_text
from sagaz_core.storage.backends.redis.address import describe
from sagaz_core.storage.backends.redis.commands import SCRIPTS, Command
from sagaz_core.storage.backends.redis.errors import first_line, translate

REPLY_SECONDS: Final = 5.0
"""How long a reply is waited for."""

_CLUSTER_PAUSES: Final = (0.0, 0.1, 0.4)
"""Seconds before each further try, where a cluster's servers or slots have changed."""

_AT_ONCE: Final = 64
"""Batches that are on their way at the same time, each on a connection of its own."""

_OLDEST_SERVER: Final = 7
"""The first version, of Redis and of Valkey, that tells when a key expires."""

RedisServerNode = ClusterNode | None
"""One of a cluster's servers; None: the only one."""


class RedisConnection:
    """Connections to one server or cluster, of one event loop. Made by :meth:`open`."""

    def __init__(self, url: str, client: Redis | RedisCluster) -> None:
        self.url = url
        self.loop = asyncio.get_running_loop()
        self._client = client
        self._room = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    async def open(cls, url: str) -> RedisConnection:
        """Connect; raises StorageError."""
        client: Redis | RedisCluster = Redis.from_url(url, **_options())
        connection = cls(url, client)
        try:
            (answer,) = await connection.run(("HELLO",))
            server = _server(answer)
            if int(server.get("version", "7").partition(".")[0]) < _OLDEST_SERVER:
                raise StorageUnavailableError(
                    f"{describe(url)} is {server.get('server')} {server.get('version')}, which "
                    f"lacks what a store needs; use version {_OLDEST_SERVER} or later"
                )
            if server.get("mode") == "cluster":
                await connection.close()
                connection._client = RedisCluster.from_url(url, **_options())
                await connection.run(("GET", "sagaz"))
        except TypeError as error:
            await connection.close()
            raise UsageError(
                f"the address of {describe(url)} has an option that the driver does not take "
                f"({error}); leave it out"
            ) from error
        except BaseException:
            await connection.close()
            raise
        return connection

    async def run(self, *commands: Command) -> list[Any]:
        """Run commands in one round trip, in order for each slot, and return their replies.

        Raises:
            StorageError: one of them could not be run; others may have been.
        """
        replies = await self._send(commands)
        for pause in _CLUSTER_PAUSES:
            if not (isinstance(self._client, RedisCluster) and any(map(_went_astray, replies))):
                break
            # The driver tries again by itself only on a single server. What ran already is sent
            # once more; each write finds out that it did.
            await asyncio.sleep(pause)
            await self._client.aclose()
            replies = await self._send(commands)
        if any(isinstance(reply, exceptions.NoScriptError) for reply in replies):
            # The server was started anew. A script that ran is told from one that did not by
            # what it finds, so that all may be sent again.
            await self._load_scripts()
            replies = await self._send(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise self._translated(reply) from reply
        return replies

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            # One limit for all: the driver's own would set a timer for every reply.
            async with self._room, asyncio.timeout(REPLY_SECONDS):
                return list(await pipeline.execute(raise_on_error=False))
        except UnicodeEncodeError as error:
            raise no_text(error) from error
        except (exceptions.RedisError, OSError) as error:
            if isinstance(self._client, RedisCluster) and _went_astray(error):
                return [error] * len(commands)
            raise self._translated(error) from error

    async def _load_scripts(self) -> None:
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                for script in SCRIPTS:
                    await self._client.script_load(script.text)
        except (exceptions.RedisError, OSError) as error:
            raise self._translated(error) from error

    async def wait_for(self, stream: str, after: str, seconds: float) -> Any:
        """Return what comes into a stream after an id, or None after at most ``seconds``."""
        milliseconds = max(1, round(seconds * 1000))
        try:
            async with asyncio.timeout(seconds + REPLY_SECONDS):
                return await self._client.xread({stream: after}, count=1, block=milliseconds)
        except (exceptions.RedisError, OSError) as error:
            raise self._translated(error) from error

    async def scan(self, pattern: str) -> list[bytes]:
        """Return the keys whose names match, those of all servers of a cluster."""
        try:
            # Takes as long as the server has keys: what is waited for is each reply.
            return [key async for key in self._client.scan_iter(match=pattern, count=1000)]
        except (exceptions.RedisError, OSError) as error:
            raise self._translated(error) from error

    async def ask(self, *command: Any) -> Any:
        """Return the reply to a question about the server, or None if this user may not ask it."""
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._client.execute_command(*command)
        except exceptions.ResponseError:
            return None
        except (exceptions.RedisError, OSError) as error:
            raise self._translated(error) from error

    def servers(self) -> list[RedisServerNode]:
        """Return those that hold the store: one, or a cluster's primaries."""
        if isinstance(self._client, RedisCluster):
            return [*self._client.get_primaries()]
        return [None]

    async def ask_server(
        self, server: RedisServerNode, *command: Any, unless: str | None = None
    ) -> Any:
        """Return one server's reply to a command about itself.

        None: it refuses it in words among which are those of ``unless``.

        Raises:
            StorageError: it may not be asked by this user, or does not answer.
        """
        target = {} if server is None else {"target_nodes": server}
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._client.execute_command(*command, **target)
        except exceptions.ResponseError as error:
            if unless is not None and unless in str(error):
                return None
            raise StorageError(
                f"{describe(self.url)} does not do {command[0]} for this user "
                f"({first_line(error)}); ask as a user who may, or have its keeper do it"
            ) from error
        except (exceptions.RedisError, OSError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> StorageError:
        return translate(error, self.url, REPLY_SECONDS)

    async def close(self) -> None:
        """Give the connections back."""
        if self.loop is asyncio.get_running_loop():
            await self._client.aclose()
        else:
            # Their event loop is gone, and with it any way to close them in good order.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                del self._client
                gc.collect()


def _options() -> dict[str, Any]:
    return {
        # Whoever waits for news holds one, so that no number would do.
        "max_connections": 1 << 30,
        "socket_timeout": None,
        "socket_connect_timeout": REPLY_SECONDS,
        # A lost connection is tried again; a reply that does not come is waited for once, as
        # the next write finds out what became of the one before.
        "retry": Retry(
            ExponentialWithJitterBackoff(base=0.05, cap=0.5),
            3,
            supported_errors=(exceptions.ConnectionError,),
        ),
    }


def _server(answer: Any) -> dict[str, str]:
    """Return a server's answer to HELLO: its name, version and mode among others."""
    pairs = answer.items() if isinstance(answer, dict) else zip(*[iter(answer)] * 2, strict=True)
    return {
        name.decode(): value.decode()
        for name, value in pairs
        if isinstance(name, bytes) and isinstance(value, bytes)
    }


def _went_astray(reply: Any) -> bool:
    """Whether a command may not have reached the server that it was for."""
    return isinstance(reply, exceptions.ConnectionError | exceptions.ClusterDownError)
