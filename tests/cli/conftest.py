"""Every command runs in an empty folder, without the settings of whoever runs the tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sagaz_tui.__main__ import run
from tests.cli.batch_shop import MODULES, record
from tests.cli.command import Command, Done


@pytest.fixture(autouse=True)
def _nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAGAZ_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, in the current folder, without a terminal."""

    def invoke(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(arguments)
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return invoke


@pytest.fixture(scope="session")
def recorded_orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of failed orders, a completed one and a failed parcel; only to be copied."""
    return record(tmp_path_factory.mktemp("orders") / "orders.db")


@pytest.fixture
def orders_store(recorded_orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a store in the current folder, and its code in the settings."""
    monkeypatch.setenv("SAGAZ_SAGAS", MODULES)
    return Path(shutil.copy(recorded_orders, tmp_path / "sagaz.db"))
