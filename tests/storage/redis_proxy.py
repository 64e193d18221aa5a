"""A network between a store and its server that loses replies, holds requests back, or is TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

_CHUNK: Final = 1 << 20


class RedisProxy:
    """Passes everything on between clients and one server, but for what it was told to do.

    Args:
        url: the server's address.
        tls: what clients are met with, where they speak TLS.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._tls = tls
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._losing: bytes | None = None
        self._holding: bytes | None = None
        self._released = asyncio.Event()
        self._is_cut = False
        self.lost = 0
        """How many replies were lost so far."""
        self.held = asyncio.Event()
        """Set once a request is held back."""
        self.passed = asyncio.Event()
        """Set once what was held back has been passed on, and answered."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        assert self._listening is not None
        return int(self._listening.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"{'rediss' if self._tls else 'redis'}://127.0.0.1:{self.port}"

    def lose_reply_to(self, part: bytes) -> None:
        """Pass on the next request that holds these bytes, and hang up instead of the reply."""
        self._losing = part

    def hold(self, part: bytes) -> None:
        """Keep the next request that holds these bytes until :meth:`release`."""
        self._holding = part

    def release(self) -> None:
        """Pass on what is held back, though whoever sent it may be gone."""
        self._released.set()

    def cut(self) -> None:
        """Hang up on everybody, now and until :meth:`mend`."""
        self._is_cut = True
        for task in self._tasks:
            task.cancel()

    def mend(self) -> None:
        """Let clients through again."""
        self._is_cut = False

    async def start(self) -> None:
        """Begin to listen."""
        self._listening = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._tls, limit=_CHUNK
        )

    async def stop(self) -> None:
        """Hang up on everybody."""
        assert self._listening is not None
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())
        with suppress(OSError, asyncio.CancelledError):
            if self._is_cut:
                return
            server_reader, server_writer = await asyncio.open_connection(*self._server)
            try:
                await self._pass_on(reader, writer, server_reader, server_writer)
            finally:
                server_writer.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        gag = asyncio.Event()
        replies = asyncio.ensure_future(_copy(server_reader, writer, gag))
        try:
            while request := await reader.read(_CHUNK):
                holds = self._holding is not None and self._holding in request
                loses = self._losing is not None and self._losing in request
                if loses:
                    self._losing = None
                if holds:
                    self._holding = None
                    self.held.set()
                    await self._released.wait()
                if holds or loses:
                    gag.set()
                server_writer.write(request)
                await server_writer.drain()
                if holds:
                    await replies
                    self.passed.set()
                    return
                if loses:
                    await replies
                    self.lost += 1
                    return
        finally:
            replies.cancel()
            await asyncio.gather(replies, return_exceptions=True)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gag: asyncio.Event
) -> None:
    """Pass replies on, until there is one that shall not be heard."""
    while (data := await reader.read(_CHUNK)) and not gag.is_set():
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def redis_proxy(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[RedisProxy]:
    """Stand between a server and its clients."""
    proxy = RedisProxy(url, tls)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
