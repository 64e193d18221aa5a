"""Every command runs in an empty folder, without the settings of whoever runs the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sagaz_tui.__main__ import run
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
