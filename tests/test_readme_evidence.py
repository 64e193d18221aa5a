"""What the README says of evidence is so: its commands, and who may look but not write."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sagaz_core import SagaSnapshot, open_storage
from sagaz_tui.__main__ import run
from tests.storage.looking_process import looking_at

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = README[README.index("## Evidence") : README.index("## Settings")]
NOBODY = 65534

Type = Callable[[str], int]


@pytest.fixture
def sagaz(recorded_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command in a folder with the demo's store."""
    shutil.copytree(recorded_demo, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return lambda line: run(shlex.split(line))


def test_its_commands_do_what_it_says(
    sagaz: Type, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = re.findall(r"^\$ sagaz (.+)$", SECTION, re.MULTILINE)
    verify, head, against, events, report, hold, release = printed
    # The demo is not encrypted.
    assert sagaz(verify) == 1
    head, _, file = head.partition(" > ")
    capsys.readouterr()
    assert sagaz(head) == 0
    (tmp_path / file).write_text(capsys.readouterr().out, encoding="utf-8")
    assert sagaz(against) == 1
    capsys.readouterr()
    # The demo was recorded just now.
    assert sagaz(report.replace("2h ago", "2999-01-01")) == 0
    assert re.search(r'^payment_token +"tok_', capsys.readouterr().out, re.MULTILINE)
    assert sagaz(hold) == 0
    assert sagaz("forget order_8841 --yes") == 1
    assert sagaz(release) == 0
    capsys.readouterr()
    assert sagaz(events) == 0
    assert re.search(r"held .*lawsuit 4711\n.*released", capsys.readouterr().out)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
async def test_by_its_modes_a_group_looks_and_only_the_owner_writes(tmp_path: Path) -> None:
    folder = tmp_path / "sagaz"
    folder.mkdir()
    store = folder / "orders.db"
    async with open_storage(f"sqlite:///{store}") as storage:
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S"))
    modes = re.findall(r"^chmod (\d+) /srv/sagaz(\S*)$", SECTION, re.MULTILINE)
    assert len(modes) == 2
    for mode, place in modes:
        Path(f"{folder}{place}").chmod(int(mode, 8))
    # The one who looks is bound by permissions, and in the group of the files.
    for place in (folder, store):
        os.chown(place, NOBODY, os.getegid())
    with looking_at(store) as looker:
        assert looker.ask("count", "s").out == "1\n"
        assert looker.ask("write").err.startswith("ReadOnlyStoreError")
        assert looker.ask("show", "s").code == 0
    for place in (folder, store):
        os.chown(place, NOBODY, NOBODY)
    with looking_at(store) as looker:
        assert looker.ask("show", "s").code == 4
    for place in (folder, store):
        os.chown(place, os.geteuid(), os.getegid())
