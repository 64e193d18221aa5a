"""One Redis server or cluster: batches of commands, scripts, and errors put into words."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import ssl
import warnings
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from sagaz_core.errors import ReadOnlyStoreError, StorageError, StorageUnavailableError, UsageError
from sagaz_core.storage.backends.invalid_text import no_text

REPLY_SECONDS: Final = 5.0
"""How long a reply is waited for."""

_CLUSTER_PAUSES: Final = (0.0, 0.1, 0.4)
"""Seconds before each further try, where a cluster's servers or slots have changed."""

_AT_ONCE: Final = 64
"""Batches that are on their way at the same time, each on a connection of its own."""

_OLDEST_SERVER: Final = 7
"""The first version, of Redis and of Valkey, that tells when a key expires."""

Command = tuple[Any, ...]
RedisServerNode = ClusterNode | None
"""One of a cluster's servers; None: the only one."""
Cause = TypeVar("Cause", bound=BaseException)


class Script:
    """A script that the server runs, from the folder ``lua``."""

    def __init__(self, name: str) -> None:
        folder = resources.files("sagaz_core.storage.backends") / "lua"
        self.text = (folder / f"{name}.lua").read_text(encoding="utf-8")
        # How a server names a script; nothing secret.
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], *args: Any) -> Command:
        """Return the command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)


class RedisConnection:
    """Connections to one server or cluster, of one event loop. Made by :meth:`open`."""

    def __init__(self, url: str, client: Redis | RedisCluster, scripts: Iterable[Script]) -> None:
        self.url = url
        self.loop = asyncio.get_running_loop()
        self._client = client
        self._scripts = {script.sha: script for script in scripts}
        self._room = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    async def open(cls, url: str, scripts: Iterable[Script]) -> RedisConnection:
        """Connect; raises StorageError."""
        client: Redis | RedisCluster = Redis.from_url(url, **_options())
        connection = cls(url, client, scripts)
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
                raise translate(reply, self.url) from reply
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
            raise translate(error, self.url) from error

    async def _load_scripts(self) -> None:
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                for script in self._scripts.values():
                    await self._client.script_load(script.text)
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.url) from error

    async def wait_for(self, stream: str, after: str, seconds: float) -> Any:
        """Return what comes into a stream after an id, or None after at most ``seconds``."""
        milliseconds = max(1, round(seconds * 1000))
        try:
            async with asyncio.timeout(seconds + REPLY_SECONDS):
                return await self._client.xread({stream: after}, count=1, block=milliseconds)
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.url) from error

    async def scan(self, pattern: str) -> list[bytes]:
        """Return the keys whose names match, those of all servers of a cluster."""
        try:
            # Takes as long as the server has keys: what is waited for is each reply.
            return [key async for key in self._client.scan_iter(match=pattern, count=1000)]
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.url) from error

    async def ask(self, *command: Any) -> Any:
        """Return the reply to a question about the server, or None if this user may not ask it."""
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await self._client.execute_command(*command)
        except exceptions.ResponseError:
            return None
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.url) from error

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
                f"({_first_line(error)}); ask as a user who may, or have its keeper do it"
            ) from error
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.url) from error

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


def translate(error: Exception, url: str) -> StorageError:
    """Return what a driver's error means to a person."""
    place = describe(url)
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            return StorageUnavailableError(
                f"{place} does not accept this user and password; check those in the address"
            )
        case exceptions.NoPermissionError():
            return ReadOnlyStoreError(
                f"{place} does not allow this user to do that ({_first_line(error)}); open the "
                "store read-only, or as a user who may"
            )
        case exceptions.ReadOnlyError():
            return ReadOnlyStoreError(
                f"{place} is a replica, which cannot be written; name the primary, or open the "
                "store read-only"
            )
        case exceptions.OutOfMemoryError():
            return StorageUnavailableError(
                f"{place} has no memory left; run `sagaz prune`, or raise its maxmemory"
            )
        case exceptions.BusyLoadingError():
            return StorageUnavailableError(
                f"{place} is still loading its data; try again in a moment"
            )
        case exceptions.TimeoutError() | TimeoutError():
            return StorageUnavailableError(
                f"{place} has not answered for {REPLY_SECONDS:.0f} s; check that the server is "
                "running and not overloaded"
            )
        case exceptions.ConnectionError() if "max number of clients" in str(error):
            return StorageUnavailableError(
                f"{place} has as many clients as it takes; end some, or raise its maxclients"
            )
        case _ if _comes_from(error, FileNotFoundError) and url.startswith("rediss:"):
            return StorageUnavailableError(
                f"a certificate's file that the address of {place} names is not there; check its "
                "ssl_ca_certs, ssl_certfile and ssl_keyfile"
            )
        case _ if (refused := _comes_from(error, ssl.SSLCertVerificationError)) is not None:
            return StorageUnavailableError(
                f"{place} shows a certificate that is not trusted ({refused.verify_message}); "
                "name its authority's with ?ssl_ca_certs=FILE at the end of the address"
            )
        case exceptions.ConnectionError() | exceptions.ClusterError() | OSError():
            return StorageUnavailableError(
                f"{place} cannot be reached ({_first_line(error)}); start the server, or name "
                "another with --storage-url"
            )
        case exceptions.RedisClusterException():
            return StorageUnavailableError(
                f"the cluster at {place} cannot be used ({_first_line(error)}); check that all "
                "its slots are served"
            )
        case _:
            return StorageError(f"{place} refused a command: {_first_line(error)}")


def _went_astray(reply: Any) -> bool:
    """Whether a command may not have reached the server that it was for."""
    return isinstance(reply, exceptions.ConnectionError | exceptions.ClusterDownError)


def _comes_from(error: BaseException | None, kind: type[Cause]) -> Cause | None:
    """Return what of this kind an error comes from; None: nothing."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
