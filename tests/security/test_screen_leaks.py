"""No secret is in what one walk through the screen, in a real terminal, shows or leaves.

What was recorded, a new value that is typed and one that is loaded from a file. The control walks
the same way without encryption, and finds every one in every place where it could be.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import shlex
import signal
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.storage import difference
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from tests.cli.test_keys import OLD, ring
from tests.end_to_end.terminal import Terminal
from tests.security import screen_with_screenshots
from tests.security.leaky_shop import FIELDS, SECRETS, LeakyParcel, start

SETTINGS = """
sagas = ["tests.security.leaky_shop"]
storage_url = "sqlite:///sagaz.db"
"""
PROTECTED = f"""
[compliance]
encrypt = true
sensitive_fields = {FIELDS}
"""
EDITOR = """
import pathlib, sys
pathlib.Path("edited").write_text(pathlib.Path(sys.argv[1]).read_text())
"""
TYPED, LOADED = SECRETS["new card"], 'l0aded-"päss"'
RECORDED = {SECRETS[name] for name in ("card", "token", "pin", "password")}
SOURCE = str(Path(__file__).parents[2])


class Walk:
    """One walk: what was painted and sent, and what it has left in a folder."""

    def __init__(self, folder: Path, *, protected: bool) -> None:
        self.given = folder / "given"
        self.left = folder / "left"
        self.protected = protected
        self.shown: list[str] = []
        self.sent = b""
        for each in (self.given, self.left, self.left / "runtime", self.left / "home"):
            each.mkdir()
        (self.given / "editor.py").write_text(EDITOR)
        (self.given / "edits.json").write_text(json.dumps({"password": LOADED}))
        (self.left / "sagaz.toml").write_text(SETTINGS + PROTECTED * protected)

    async def record(self) -> None:
        compliance = ComplianceConfig(
            enable_encryption=True, sensitive_fields=FIELDS, key_provider=KeyRing({"old": OLD})
        )
        async with SQLiteSnapshotStorage(
            self.left / "sagaz.db", compliance=compliance if self.protected else None
        ) as storage:
            await LeakyParcel(start(), saga_id="o1", snapshot_storage=storage).execute()

    def go(self) -> None:
        home = str(self.left / "home")
        env = {
            "HOME": home,
            "XDG_RUNTIME_DIR": str(self.left / "runtime"),
            "XDG_STATE_HOME": home,
            "XDG_CACHE_HOME": home,
            "TMPDIR": str(self.left / "runtime"),
            "PYTHONPATH": SOURCE,
            "VTE_VERSION": "",
            "TERM_PROGRAM": "",
            "VISUAL": shlex.join([sys.executable, str(self.given / "editor.py")]),
            "SAGAZ_KEYS": ring(old=OLD) if self.protected else "",
        }
        command = [sys.executable, screen_with_screenshots.__file__, "tui", "o1"]
        with Terminal(command, cwd=self.left, columns=110, rows=28, env=env) as self.terminal:
            self._walk()
            self.sent = bytes(self.terminal.sent)

    def _walk(self) -> None:
        refused = "no editor gets a secret" if self.protected else "nothing was changed in"
        for keys, there in (
            ("", "ValueError"),
            ("2y", "copied the .* of /card"),
            ("ecustomer\x05", refused),
            (f"\x15card={TYPED}", " as s"),
            ("\r", "1 staged"),
            (f"e:load {self.given / 'edits.json'}\r", "2 staged"),
            ("b", "Blame card"),
            ("y", "copied the .* at #1"),
            ("\x1b", "2 staged"),
            ("R", "new branch"),
            ("Y", "copied as a command"),
            ("\r", "(?s)o1~r1.* rolled back.* has no address"),
            ("p", "Log"),
            ("pc", "not reached"),
            ("g", "~ /card"),
        ):
            self.terminal.type(keys)
            self.shown.append(self.terminal.wait_for(there))
            self.terminal.kill(signal.SIGUSR1)
        self.terminal.type("q")
        self.terminal.wait_for_end()

    def places(self) -> dict[str, str]:
        """Return all that was shown, copied and left, by where that is."""
        copied = [
            base64.b64decode(text).decode()
            for text in re.findall(rb"\x1b\]52;c;([^\x07\x1b]*)", self.sent)
        ]
        files = {
            str(file.relative_to(self.left)): file.read_bytes().decode(errors="replace")
            for file in sorted(self.left.rglob("*"))
            if file.is_file()
        }
        return {
            "painted": "\n".join(self.shown),
            "sent": self.sent.decode(errors="replace"),
            "copied": "\n".join(copied),
            "screenshots": html.unescape(files.pop("screenshots")),
            **files,
        }


def found(places: dict[str, str]) -> dict[str, set[str]]:
    """Return which secrets are in which place, however they are written there."""
    return {
        place: secrets
        for place, content in places.items()
        if (
            secrets := {
                each
                for each in {*RECORDED, TYPED, LOADED}
                if any(f in content for f in _forms(each))
            }
        )
    }


def _forms(secret: str) -> Iterator[str]:
    spelled = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], urllib.parse.quote(secret)}
    for text in spelled:
        yield text
        yield base64.b64encode(text.encode()).decode().rstrip("=")
        yield text.encode().hex()


@pytest.mark.parametrize("protected", [True, False], ids=["encrypted", "control"])
def test_a_walk_through_the_screen_shows_and_leaves_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: bool
) -> None:
    monkeypatch.setattr(difference, "_MIN_COMPRESSED", 1 << 60)
    walk = Walk(tmp_path, protected=protected)
    monkeypatch.chdir(walk.left)
    asyncio.run(walk.record())
    walk.go()
    places = walk.places()
    seen = found(places)
    # No argument and no variable of the replay's process held one, control or not.
    assert "--from-step=charge" in places["process"]
    assert "process" not in seen
    if protected:
        assert seen == {}
        assert places["copied"].startswith("‹secret 19ch ·")
        assert "--secret card" in places["copied"]
    else:
        everything = {*RECORDED, TYPED, LOADED}
        (log,) = (place for place in seen if place.endswith(".log"))
        assert seen["painted"] == seen["sent"] == seen["screenshots"] == everything
        # Whoever closes it last takes the log into the file.
        assert seen["sagaz.db"] | seen.get("sagaz.db-wal", set()) == everything
        assert seen[log] == {TYPED, LOADED}
        assert seen["copied"] == {SECRETS["card"], TYPED, LOADED}
        assert seen["edited"] == {SECRETS["pin"]}
