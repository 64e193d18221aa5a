"""A Redis cluster of one's own for tests: three servers that share the slots."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import redis

from sagaz_core.testing.redis_server import RedisServer, free_port

_SERVERS: Final = 3
_SLOTS: Final = 16_384
_READY_SECONDS: Final = 30.0


class RedisClusterServers:
    """A cluster on free ports of 127.0.0.1, its data in ``folder``. It keeps no replicas."""

    def __init__(self, folder: Path) -> None:
        self.servers = [
            RedisServer(
                folder / f"{number}",
                options={
                    "cluster-enabled": "yes",
                    "cluster-port": str(free_port()),
                    # Nobody takes over from one that is only slow to answer.
                    "cluster-node-timeout": "60000",
                },
            )
            for number in range(_SERVERS)
        ]

    @property
    def url(self) -> str:
        """Where it is reached: one of its servers, which tells of the others."""
        return self.servers[0].url

    def __enter__(self) -> Self:
        try:
            for server in self.servers:
                server.start()
            self._share_slots()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kill()

    def _share_slots(self) -> None:
        """Give each server its slots and have them meet; returns once all of them know."""
        bounds = [_SLOTS * number // _SERVERS for number in range(_SERVERS + 1)]
        for server, first, after in zip(self.servers, bounds, bounds[1:], strict=False):
            _ask(server, "CLUSTER ADDSLOTSRANGE", first, after - 1)
            _ask(server, "CLUSTER SET-CONFIG-EPOCH", first + 1)
        for server in self.servers[1:]:
            bus = server.options["cluster-port"]
            _ask(self.servers[0], "CLUSTER MEET", "127.0.0.1", server.port, bus)
        deadline = time.monotonic() + _READY_SECONDS
        while not all(map(_is_ready, self.servers)):
            if time.monotonic() > deadline:
                raise RuntimeError("the servers did not become a cluster")
            time.sleep(0.02)

    def _kill(self) -> None:
        for server in self.servers:
            server.kill()


def _ask(server: RedisServer, command: str, *arguments: str | int) -> Any:
    with redis.Redis(port=server.port) as client:
        return client.execute_command(command, *arguments)


def _is_ready(server: RedisServer) -> bool:
    """Whether a server knows who has which slot."""
    info = _ask(server, "CLUSTER INFO")
    return info["cluster_state"] == "ok" and int(info["cluster_size"]) == _SERVERS
