"""A real program in a real pseudo-terminal, its screen kept by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pexpect
import pyte

SAGAZ = str(Path(sys.executable).parent / "sagaz")


class _Emulator(pyte.Screen):
    """pyte 0.8 hands private SGR sequences to a method that does not take them; they draw
    nothing, so they are let go."""

    def select_graphic_rendition(self, *attrs: int, **kwargs: Any) -> None:
        if not kwargs.get("private"):
            super().select_graphic_rendition(*attrs)


class Terminal:
    """Runs a command in a pty of ``columns`` × ``rows`` and shows what a person would see."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        columns: int = 100,
        rows: int = 30,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.emulator = _Emulator(columns, rows)
        self.stream = pyte.ByteStream(self.emulator)
        self.typed = 0
        self.received = 0
        self.sent = bytearray()
        """Everything that the program has written."""
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TEXTUAL_ANIMATIONS": "none",
            "COLUMNS": str(columns),
            "LINES": str(rows),
            **(env or {}),
        }
        self.process = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(cwd),
            env=environment,
            dimensions=(rows, columns),
            timeout=30,
        )
        # pexpect waits before each write by default; here every key counts at once.
        self.process.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id of the program."""
        pid = self.process.pid
        assert pid is not None
        return pid

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(self.emulator.display)

    @property
    def is_grey(self) -> bool:
        """Whether everything so far came in shades of grey, of which each part is alike."""
        mixed = rb"[34]8;2;(\d+);(\d+);(\d+)"
        # The rest of a colour may be still on its way.
        sent = re.sub(rb"\x1b[\[\d;]*$", b"", self.sent)
        by_number = re.search(
            rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]", re.sub(mixed, b"0", sent)
        )
        return by_number is None and all(
            red == green == blue for red, green, blue in re.findall(mixed, sent)
        )

    def type(self, keys: str) -> None:
        """Type keys, counting their bytes, in one write."""
        data = keys.encode()
        self.typed += len(data)
        os.write(self.process.child_fd, data)

    def pump(self, seconds: float = 0.02) -> bool:
        """Take in what the program has written; False once it has ended."""
        try:
            data = self.process.read_nonblocking(size=65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.received += len(data)
        self.sent += data
        self.stream.feed(data)
        return True

    def wait_for(self, what: str | Callable[[str], bool], timeout: float = 60.0) -> str:
        """Wait until the screen shows a pattern or satisfies a condition; return the screen."""
        shown = what if callable(what) else lambda text: re.search(what, text) is not None
        deadline = time.monotonic() + timeout
        while not shown(self.text):
            if not self.pump() or time.monotonic() > deadline:
                raise AssertionError(f"never shown: {what!r}\n{self.text}")
        return self.text

    def wait_for_end(self, timeout: float = 60.0) -> int | None:
        """Wait until the program has ended; return its exit code."""
        deadline = time.monotonic() + timeout
        while self.pump():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program did not end\n{self.text}")
        self.process.wait()
        return self.process.exitstatus

    def kill(self, signum: int) -> None:
        """Send the program a signal."""
        os.kill(self.pid, signum)

    def close(self) -> None:
        """End the program, whatever it does."""
        if self.process.isalive():
            self.kill(signal.SIGKILL)
        self.process.close(force=True)
