"""Has Redis servers write their files anew, so that nothing that was deleted is left in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sagaz_core.errors import StorageError
from sagaz_core.storage.backends.redis.address import describe
from sagaz_core.storage.backends.redis.check import pairs
from sagaz_core.storage.backends.redis.connection import RedisConnection, RedisServerNode


@dataclass(frozen=True, slots=True)
class _File:
    """A file that a server keeps, and how it is written anew."""

    name: str
    command: tuple[str, ...]
    count: str
    """In INFO: how many writings began since the server was started."""
    going: str
    outcome: str


_LOG: Final = _File(
    "append-only file",
    ("BGREWRITEAOF",),
    "aof_rewrites",
    "aof_rewrite_in_progress",
    "aof_last_bgrewrite_status",
)
_SNAPSHOT: Final = _File(
    "snapshot",
    ("BGSAVE", "SCHEDULE"),
    "rdb_saves",
    "rdb_bgsave_in_progress",
    "rdb_last_bgsave_status",
)


class FileRewriting:
    """One writing anew of all files that hold a store: begun after something was deleted.

    A server counts the writings that it begins. Those that began after the first look count;
    one that was under way then may hold what was deleted.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], int] = {}
        self._done = False

    async def go_on(self, connection: RedisConnection) -> bool:
        """Begin what is not begun; returns whether all of it is done.

        Raises:
            StorageError: a server does not allow it, or could not do it; and what to do.
        """
        if not self._done:
            files = [
                (server, info, file)
                for server in connection.servers()
                for info in [await connection.ask_server(server, "INFO", "server", "persistence")]
                for file in await _files_of(connection, server, info)
            ]
            done = [await self._write(connection, *each) for each in files]
            self._done = all(done)
        return self._done

    async def _write(
        self,
        connection: RedisConnection,
        server: RedisServerNode,
        info: dict[str, Any],
        file: _File,
    ) -> bool:
        key = (info["run_id"], file.name)
        count = int(info[file.count])
        before = self._before.setdefault(key, count)
        if int(info[file.going]):
            return False
        if count == before:
            await connection.ask_server(server, *file.command, unless="already in progress")
            return False
        if info[file.outcome] != "ok":
            del self._before[key]
            raise StorageError(
                f"{describe(connection.url)} could not write its {file.name} anew, in which what "
                "was deleted is left; see the server's log, and try again"
            )
        return True


async def _files_of(
    connection: RedisConnection, server: RedisServerNode, info: dict[str, Any]
) -> list[_File]:
    """Return the files that a server keeps, as far as it tells."""
    files = [_LOG] if int(info["aof_enabled"]) else []
    saves = pairs(await connection.ask_server(server, "CONFIG", "GET", "save", unless=""))
    loaded = not files and int(info.get("rdb_last_load_keys_loaded", 0))
    if saves.get("save", "?") or int(info[_SNAPSHOT.count]) or loaded:
        files.append(_SNAPSHOT)
    return files
