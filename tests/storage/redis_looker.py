"""A Redis user who may only read, and what his commands were."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from sagaz_core.testing.redis_server import RedisServer

PASSWORD: Final = "only-looks"
(COMMAND,) = re.findall(
    rf"^ACL SETUSER looker .*>{PASSWORD} .*$",
    (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
"""What the README tells to type."""

_OF_A_CONNECTION: Final = {"hello", "auth", "client|setinfo", "select"}


async def add_looker(server: RedisServer) -> str:
    """Make the user of the README, who may read the store's keys; return the address to use."""
    async with Redis.from_url(server.url) as admin:
        await admin.execute_command(*COMMAND.split())
    return server.url.replace("redis://", f"redis://looker:{PASSWORD}@")


class Watched:
    """What a server was asked while it was watched."""

    def __init__(self) -> None:
        self.commands: set[str] = set()
        """The commands that it ran, in lower case, but for what every connection begins with."""
        self.written: set[str] = set()
        """Those of them that are no reading commands."""


@asynccontextmanager
async def watched(server: RedisServer) -> AsyncIterator[Watched]:
    """Note which commands a server runs meanwhile, and that its keys stay as they are."""
    found = Watched()
    async with Redis.from_url(server.url) as admin:
        reading = set(await admin.acl_cat("read"))
        before = await _everything(admin)
        await admin.config_resetstat()
        yield found
        counts = await admin.info("commandstats")
        ran = {
            name.removeprefix("cmdstat_")
            for name, stats in counts.items()
            if stats["calls"] > stats["rejected_calls"]
        }
        found.commands = ran - _OF_A_CONNECTION - {"config|resetstat", "info"}
        found.written = {name for name in found.commands if name not in reading}
        assert await _everything(admin) == before


async def _everything(admin: Redis) -> dict[bytes, bytes | None]:
    return {key: await admin.dump(key) async for key in admin.scan_iter()}
