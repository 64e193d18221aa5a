"""A saga is sent to somebody in one file, its secrets masked, and opened and replayed there."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagaz_core.model import Masked, NotStored
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.showing.python_source import IMPORTS, python_source
from tests.cli.command import Command
from tests.cli.secret_shop import OLD
from tests.cli.test_secret_overrides import NEW, REPLAY, folder  # noqa: F401
from tests.end_to_end.terminal import SAGAZ, Terminal

pytestmark = pytest.mark.usefixtures("folder")


def everything(path: Path) -> bytes:
    return path.read_bytes()


def test_it_holds_the_saga_its_replays_and_their_log_and_no_secret(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_CARD", NEW)
    assert command(*REPLAY, "--secret", "card=NEW_CARD").code == 0
    done = command("export", "o1", "-o", "o1.sagaz", "--format", "json")
    assert (done.code, done.json["sagas"], done.json["documents"]) == (0, 2, 1)
    file = tmp_path / "o1.sagaz"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir() if "o1" in each.name) == ["o1.sagaz"]
    for secret in (OLD, NEW):
        assert secret.encode() not in everything(file)
    monkeypatch.delenv("SAGAZ_KEYS")
    (tmp_path / "sagaz.toml").unlink()
    masked = "‹secret 19ch ·"
    here = command("show", "o1", "--storage-url", "o1.sagaz")
    assert masked in here.out
    assert (
        f"~ /card  {masked}" in command("replay", "history", "o1", "--storage-url", "o1.sagaz").out
    )
    assert "o1~r1" in command("lineage", "o1", "--storage-url", "o1.sagaz").out
    # There is no key that could open them: they are not in it.
    refused = command("show", "o1", "--reveal", "card", "--storage-url", "o1.sagaz")
    assert OLD not in refused.out


def test_unmasked_it_holds_them_and_that_is_on_record(command: Command, tmp_path: Path) -> None:
    done = command("export", "o1", "-o", "o1.sagaz", "--unmasked")
    assert done.code == 0

    async def read() -> tuple[Any, list[str]]:
        async with SQLiteSnapshotStorage("o1.sagaz", read_only=True) as bundle:
            context = (await bundle.get_checkpoint("o1", 1)).context
        async with SQLiteSnapshotStorage("sagaz.db", read_only=True) as storage:
            return context, [each.event for each in await storage.list_audit_events("o1")]

    context, events = asyncio.run(read())
    assert context == {"card": OLD}
    assert "exported" in events


def test_it_is_imported_into_another_store_and_only_once(command: Command, tmp_path: Path) -> None:
    assert command("hold", "o1", "--reason", "lawsuit 4711").code == 0
    assert command("export", "o1", "-o", "o1.sagaz").code == 0
    (tmp_path / "sagaz.toml").write_text('sagas = ["tests.cli.secret_shop"]')
    assert command("import", "sagaz.toml", "--storage-url", "other.db").code == 4
    assert not (tmp_path / "other.db").exists()
    for copied in (3, 0):
        done = command("import", "o1.sagaz", "--storage-url", "other.db", "--format", "json")
        assert (done.code, done.json["sagas"], done.json["checkpoints"]) == (0, 1, copied)
        assert ("others can read 'o1.sagaz'" in done.err) == (copied == 0)
        assert ("its family is held here now" in done.err) == (copied == 3)
        (tmp_path / "o1.sagaz").chmod(0o644)
    assert "‹secret 19ch ·" in command("show", "o1", "--storage-url", "other.db").out
    refused = command(*REPLAY, "--storage-url", "other.db")
    assert (refused.code, (tmp_path / "charged").exists()) == (1, False)
    assert "/card was masked when it was exported, and charge reads it; override it" in refused.out
    # What was masked takes any text: of which type it was nobody knows any more.
    done = command(*REPLAY, "--storage-url", "other.db", "--override", "card=4222")
    assert (done.code, (tmp_path / "charged").read_text()) == (0, "4222")


def test_the_screen_opens_it_on_its_saga(tmp_path: Path, command: Command) -> None:
    assert command("export", "o1", "-o", "o1.sagaz").code == 0
    refused = command("tui", "o1.sagaz")
    assert refused.code == 2
    assert "`sagaz sagas --storage-url o1.sagaz` shows it as text" in refused.err
    with Terminal([SAGAZ, "tui", "o1.sagaz"], cwd=tmp_path) as terminal:
        shown = ("o1  SecretShopOrder", "READ ONLY", "‹secret 19ch ·")
        terminal.wait_for(lambda text: all(each in text for each in shown))
        terminal.type("\x1b")
        terminal.wait_for("o1.sagaz")
        terminal.type("q")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("export", "o1", "-o", "sagaz.toml"), 2, "'sagaz.toml' is there already"),
        (("export", "o1", "-o", "nowhere/o1.sagaz"), 2, "cannot be made: No such file"),
        (("export", "nobody", "-o", "x"), 3, "nobody"),
        (("export", "o1", "-o", "t.py", "--pytest", "--unmasked"), 2, "exclude each other"),
        (("import", "nowhere"), 4, "'nowhere' is no file"),
        (("import", "sagaz.toml"), 4, "sagaz.toml"),
    ],
)
def test_what_cannot_be_written_or_read_is_said_in_a_sentence(
    command: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    refused = command(*arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in refused.err


def test_as_a_test_it_fails_until_the_code_is_mended(command: Command, tmp_path: Path) -> None:
    (tmp_path / "broken_shop.py").write_text(
        "from sagaz_core import Saga\n\n\n"
        "class BrokenShopOrder(Saga):\n"
        "    async def build(self):\n"
        "        await self.add_step('price', lambda ctx: ctx['amount'] * 2)\n"
        "        await self.add_step('charge', self._charge)\n\n"
        "    def _charge(self, ctx):\n"
        "        assert ctx['price'] == ctx['amount'] * 2\n"
        "        return 1 / 0\n\n\n"
        "def make(context):\n"
        "    return BrokenShopOrder(context)\n"
    )
    (tmp_path / "sagaz.toml").write_text('sagas = ["broken_shop"]')
    record = (
        "import asyncio; from decimal import Decimal; from broken_shop import BrokenShopOrder;"
        "from sagaz_core.storage.backends import SQLiteSnapshotStorage as Store;"
        "asyncio.run(BrokenShopOrder({'amount': Decimal('9.90')}, saga_id='b1',"
        "snapshot_storage=Store('sagaz.db')).execute())"
    )
    subprocess.run([sys.executable, "-c", record], cwd=tmp_path, check=True)
    assert command("export", "b1", "-o", "test_class.py", "--pytest").code == 0
    imported = "from broken_shop import BrokenShopOrder\n"
    assert imported in (tmp_path / "test_class.py").read_text()
    # A class may need more than the context, which a factory knows.
    (tmp_path / "sagaz.toml").write_text('factories = { BrokenShopOrder = "broken_shop:make" }')
    assert command("export", "b1", "-o", "test_b1.py", "--pytest").code == 0
    assert stat.S_IMODE((tmp_path / "test_b1.py").stat().st_mode) == 0o600
    written = (tmp_path / "test_b1.py").read_text()
    assert "'amount': Decimal('9.90')" in written
    assert "from broken_shop import make\n" in written
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_b1.py"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    broken = subprocess.run(
        pytest_run, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert broken.returncode == 1
    assert "charge: ZeroDivisionError" in broken.stdout
    code = (tmp_path / "broken_shop.py").read_text()
    (tmp_path / "broken_shop.py").write_text(code.replace("1 / 0", "'paid'"))
    mended = subprocess.run(
        pytest_run, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert mended.returncode == 0, mended.stdout


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, None, True, "x\u202e\n\"'''"], "b": {}},
        (1, (), ("x",), [{}]),
        {1, 2},
        frozenset(),
        Decimal("1.10"),
        UUID(int=7),
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        b"\x00\xff",
        1 << 20_000,
        float("inf"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_value_is_written_as_makes_it_again(value: Any) -> None:
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    source = python_source(value)
    assert eval(source, names) == value
    assert source.isascii()


def test_what_is_not_there_is_asked_for_by_its_place() -> None:
    value = {"card": Masked(4, b"1234"), "file": [NotStored("/file/0", "Socket", "")]}
    seen: list[str] = []
    eval(python_source(value), {"secret": seen.append, "lost": seen.append})
    assert seen == ["/card", "/file/0"]
