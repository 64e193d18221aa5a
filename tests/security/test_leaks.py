"""No secret is anywhere in what a full run leaves or shows.

The control runs the same without encryption, masks and compression, and finds every one: so the
search would find what is there.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.storage import difference
from sagaz_core.storage.backends import RedisSnapshotStorage, SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.redis_server import RedisServer
from sagaz_tui.__main__ import run
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import load_settings
from sagaz_tui.stores import open_existing
from tests.cli.test_keys import OLD, ring
from tests.screen.looking import painted, press, until_painted
from tests.security.leaky_shop import FIELDS, SECRETS, LeakyOrder, start

SETTINGS = """
sagas = ["tests.security.leaky_shop"]
storage_url = "{url}"
"""
PROTECTED = """
[compliance]
encrypt = true
sensitive_fields = {fields}
"""


class Run:
    """One full run: orders that fail, all commands, the screen, replays; and what it leaves."""

    def __init__(self, folder: Path, url: str, *, protected: bool) -> None:
        self.folder = folder
        self.url = url
        self.protected = protected
        self.shown: list[str] = []

    def store(self) -> SnapshotStorage:
        compliance = (
            ComplianceConfig(
                enable_encryption=True, sensitive_fields=FIELDS, key_provider=KeyRing({"old": OLD})
            )
            if self.protected
            else None
        )
        if self.url.startswith("redis"):
            return RedisSnapshotStorage(self.url, enable_compression=False, compliance=compliance)
        return SQLiteSnapshotStorage("sagaz.db", compliance=compliance)

    async def record(self) -> None:
        async with self.store() as storage:
            for saga_id in ("o1", "o2", "o3"):
                order = LeakyOrder(start(), saga_id=saga_id, snapshot_storage=storage)
                await order.execute()

    def commands(self, capfd: pytest.CaptureFixture[str]) -> None:
        later = "2100-01-01T00:00:00Z"
        replay = ("replay", "run", "o1", "--from-step", "charge", "--secret", "card=NEW_CARD")
        for arguments in (
            ("sagas", "--where", "card != ''"),
            ("show", "o1"),
            ("diff", "o1", "1", "4"),
            ("blame", "o1", "card"),
            ("blame", "o1", "session"),
            ("search", "o1", "order_id == 'o1'"),
            ("replay", "time-travel", "o1", "--at", later),
            ("replay", "time-travel", "o1", "--at", later, "--key", "card"),
            ("replay", "list-changes", "o1"),
            (*replay, "--dry-run"),
            (*replay, "--simulate"),
            ("replay", "run", "o1", "--from-step", "charge"),
            replay,
            ("replay", "batch", "--prefix", "o2", "--secret", "card=BATCH_CARD", "--dry-run"),
            ("replay", "batch", "--prefix", "o2", "--secret", "card=BATCH_CARD", "--yes"),
            ("replay", "history", "o1"),
            ("compare", "o1", "o1~r2"),
            ("lineage", "o1"),
            ("audit",),
            ("audit", "--format", "csv"),
            ("doctor",),
        ):
            formats = (
                ("text", "json") if arguments[0] in ("show", "diff", "blame", "replay") else ()
            )
            for format in formats if "--yes" not in arguments else ("text",):
                run([*arguments, "--format", format])
            if not formats:
                run(arguments)
        written = capfd.readouterr()
        self.shown += [written.out, written.err]

    async def screen(self) -> None:
        settings = load_settings()
        store = open_existing(settings, read_only=True)
        app = SagazApp(store, settings, "o3", ascii=False)
        async with app.run_test(size=(200, 60)) as pilot:
            await until_painted(pilot, "order_id", "o3")
            for keys, there in (
                (("g",), "#1/"),
                (("f",), "step_failed"),
                (("2", "b"), "order_id"),
                (("escape", "d"), "log_in"),
                (("escape", "h", "l", "G"), "order_id"),
            ):
                press(pilot, *keys)
                await until_painted(pilot, there)
                self.shown += [painted(app), app.export_screenshot()]

    def found(self) -> dict[str, str]:
        """Return the names of the secrets that are in a file or in what was shown, and where."""
        everything = {
            file.name: file.read_bytes()
            for file in sorted(self.folder.rglob("*"))
            if file.is_file() and file.name != "charged"
        }
        everything |= {text: text.encode(errors="replace") for text in self.shown}
        return {
            name: place[max(place.find(secret) - 200, 0) :][:300]
            for name, secret in SECRETS.items()
            for place, content in everything.items()
            if any(form in content for form in _forms(secret))
        }


def _forms(secret: str) -> Iterator[bytes]:
    """Yield how a secret may be written: as text, and a number as its bytes too."""
    yield secret.encode()
    if secret.isdigit():
        yield int(secret).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("kind", "protected"),
    [
        pytest.param("sqlite", True, id="sqlite"),
        pytest.param("redis", True, id="redis"),
        pytest.param("sqlite", False, id="control on sqlite"),
        pytest.param("redis", False, id="control on redis", marks=pytest.mark.torture),
    ],
)
def test_a_full_run_leaves_and_shows_no_secret(
    kind: str,
    protected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in [name for name in os.environ if name.startswith("SAGAZ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(difference, "_MIN_COMPRESSED", 1 << 60)
    monkeypatch.setenv("NEW_CARD", SECRETS["new card"])
    monkeypatch.setenv("BATCH_CARD", SECRETS["new card of a batch"])
    caplog.set_level(logging.DEBUG)
    server = RedisServer(tmp_path / "redis", durable=True) if kind == "redis" else None
    if server is not None:
        server.start()
    try:
        run_it = Run(tmp_path, server.url if server else "sqlite:///sagaz.db", protected=protected)
        text = SETTINGS.format(url=run_it.url)
        if protected:
            monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
            text += PROTECTED.format(fields=FIELDS)
        (tmp_path / "sagaz.toml").write_text(text)
        asyncio.run(run_it.record())
        run_it.commands(capfd)
        assert (tmp_path / "charged").exists()
        asyncio.run(run_it.screen())
    finally:
        if server is not None:
            server.stop()
    run_it.shown.append(caplog.text)
    assert set(run_it.found()) == (set() if protected else set(SECRETS)), run_it.found()
