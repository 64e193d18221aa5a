"""Code comes from where the user said, files are nobody else's, and addresses keep a password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from sagaz_core.errors import SagaFactoryError
from sagaz_core.replay.factory import load_factory
from sagaz_tui.edits.file import EditsFileError, save_overrides
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.replaying.process import command as replay_words
from sagaz_tui.store_address import mask_url
from tests.cli.command import Command
from tests.cli.conftest import _nobodys_settings, command  # noqa: F401
from tests.cli.shop import record_shop

ROOT: Final = Path(__file__).parents[2]
PASSWORD: Final = "hunter2/@:secret"


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """The store of a shop in the current folder."""
    await record_shop(tmp_path / "sagaz.db")
    return tmp_path / "sagaz.db"


# ---------------------------------------------------------------- code


@pytest.mark.parametrize(
    "name",
    ["os:system", "subprocess:run", "shutil:rmtree", "builtins:print", "os.path:join", "ours:run"],
)
def test_what_is_python_s_own_is_no_factory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a slip in the settings would call `shutil.rmtree` with a customer's context."""
    (tmp_path / "ours.py").write_text("from subprocess import run\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SagaFactoryError, match="is Python's own"):
        load_factory(name)


def test_a_factory_that_makes_no_saga_is_refused_before_it_is_called(
    command: Command,  # noqa: F811
    store: Path,
) -> None:
    """Without it, a replay would run the program that the context spells."""
    done = command(
        *("replay", "run", "order_1", "--from-step", "charge", "--factory", "os:system"),
        *("--storage-url", str(store)),
    )
    assert done.code == 2
    assert "'os:system' is Python's own and makes no saga" in done.err


PLANTED: Final = ("json", "sagaz_core", "sagaz_tui", "typer", "csv", "sqlite3", "redis", "zoneinfo")
SHADOWED: Final = """
import sys
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.settings import load_settings
load_code(load_settings(), "Order", None)
import json, csv, sqlite3, tempfile, bz2, wave
"""


def test_what_lies_in_the_current_folder_is_not_imported(store: Path) -> None:
    """Without it, a `json.py` in a shared folder runs as whoever looks at a store there."""
    folder = store.parent
    for name in (*PLANTED, "bz2", "wave", "tempfile"):
        (folder / f"{name}.py").write_text(f"open('sprung-{name}', 'w').close()\n")
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    sagaz = Path(sys.executable).parent / "sagaz"
    child = replay_words(_request(), "digest", "request")
    child[child.index("sagaz_tui") + 1 :] = ["sagas"]
    for words in ([str(sagaz), "sagas"], child, [sys.executable, "-P", "-c", SHADOWED]):
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-1_000:]
    assert not list(folder.glob("sprung-*"))


def _request() -> ReplayRequest:
    return ReplayRequest(saga_id="order_1", from_step="charge")


# ---------------------------------------------------------------- files


def test_a_file_that_others_can_read_is_reported(
    command: Command,  # noqa: F811
    store: Path,
) -> None:
    """Without it, nobody would notice that everybody can read what customers told."""
    for mode, level, told in (
        (0o600, "ok", "only its owner can open it"),
        (0o640, "warning", "others than its owner can read"),
        (0o604, "warning", "others than its owner can read"),
        (0o602, "warning", "others than its owner can change"),
    ):
        store.chmod(mode)
        done = command("doctor", "--storage-url", str(store), "--format", "json")
        assert [finding["level"] for finding in done.json if told in finding["what"]] == [level]
    bundle = store.parent / "order.sagaz"
    assert command("export", "order_1", "-o", str(bundle)).code == 0
    assert bundle.stat().st_mode & 0o077 == 0
    bundle.chmod(0o644)
    assert (
        "warning  others than its owner can read"
        in command("doctor", "--storage-url", str(bundle)).out
    )


def test_nothing_is_written_through_a_link(
    command: Command,  # noqa: F811
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it, a link left in a shared folder has the export overwrite a file of the user's."""
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    folder = store.parent
    victim = folder / "victim"
    for exists in (False, True):
        if exists:
            victim.write_text("precious")
        for name, more in (("a.sagaz", ()), ("test_a.py", ("--pytest",))):
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(victim)
            done = command("export", "order_1", "-o", str(link), *more)
            assert done.code == 2, done
            assert "is there already" in done.err
            assert link.is_symlink()
        with pytest.raises(EditsFileError, match="already"):
            save_overrides(str(link), ())
        assert victim.exists() == exists
    assert victim.read_text() == "precious"


# ---------------------------------------------------------------- addresses

ADDRESSES: Final = (
    f"redis://ada:{PASSWORD}@localhost:1/0",
    f"redis://:{PASSWORD}@localhost:1/0",
    f"REDISS://ada:{PASSWORD}@localhost:1/0",
    f"redis://localhost:1/0?password={PASSWORD}",
    f"redis://ada:{PASSWORD}@localhost:port/0",
    f"redis://ada:{PASSWORD}@[::1/0",
    f"redis://ada:{PASSWORD}@localhost:1/0?unknown=1",
    f"redis//ada:{PASSWORD}@localhost:1/0",
    f"redis:/ada:{PASSWORD}@localhost:1/0",
    f"mysql://ada:{PASSWORD}@localhost:1/0",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_password_of_an_address_is_shown(
    command: Command,  # noqa: F811
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it, a server's password would be in every log and screenshot of a failure."""
    monkeypatch.setenv("SAGAZ_STORAGE_URL", address)
    for arguments in (
        ("config",),
        ("config", "--format", "json"),
        ("sagas",),
        ("doctor",),
        ("copy", "--from", address, "--to", address),
        ("sagas", "--storage", "sqlite", "--storage-url", address),
    ):
        done = command(*arguments)
        for shown in (done.out, done.err):
            assert "hunter2" not in shown, (arguments, shown)
            assert "Traceback" not in shown
    assert "hunter2" not in mask_url(address) or "://" not in address
