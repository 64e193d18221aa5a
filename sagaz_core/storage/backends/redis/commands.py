"""What is sent to a Redis server: commands, and the scripts of the folder ``lua`` that it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

Command = tuple[Any, ...]


class Script:
    """A script that the server knows by a hash of its text, once it was loaded."""

    def __init__(self, name: str) -> None:
        folder = resources.files("sagaz_core.storage.backends.redis") / "lua"
        self.text = (folder / f"{name}.lua").read_text(encoding="utf-8")
        # How a server names a script; nothing secret.
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], *args: Any) -> Command:
        """Return the command that runs it."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)


ACQUIRE: Final = Script("acquire")
APPEND: Final = Script("append")
BEAT: Final = Script("beat")
DELETE: Final = Script("delete")
HIDE: Final = Script("hide")
PUT: Final = Script("put")
RELEASE: Final = Script("release")
REPLACE: Final = Script("replace")
REWRAP: Final = Script("rewrap")
UNKEEP: Final = Script("unkeep")

SCRIPTS: Final = (ACQUIRE, APPEND, BEAT, DELETE, HIDE, PUT, RELEASE, REPLACE, REWRAP, UNKEEP)
