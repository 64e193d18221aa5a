"""The wheel, installed in an environment of its own and run outside the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

from tests.end_to_end import journey
from tests.end_to_end.terminal import Terminal

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel without asking any index for anything."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check"),
            *("--wheel-dir", str(folder), str(ROOT)),
        ],
        check=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel into a fresh environment; return its folder of programs.

    What it depends on is lent by this environment, without the checkout that is installed here.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")),
            *("install", "--quiet", "--no-deps", "--no-index"),
            *("--disable-pip-version-check", str(wheel)),
        ],
        check=True,
        timeout=120,
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_installed_wheel_passes_the_journey(recorded_demo: Path, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path / "wheels")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "sagaz_core/storage/backends/sqlite/sql/001_initial.sql" in names
    assert {"sagaz_core/py.typed", "sagaz_tui/py.typed"} <= names
    styles = {str(path.relative_to(ROOT)) for path in (ROOT / "sagaz_tui").rglob("*.tcss")}
    assert styles
    assert styles <= names

    programs = install(wheel, tmp_path / "environment")
    home = subprocess.run(
        [str(programs / "python"), "-c", "import sagaz_tui; print(sagaz_tui.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert home.startswith(str(tmp_path))

    folder = shutil.copytree(recorded_demo, tmp_path / "demo")
    with Terminal(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=folder,
        env={"PATH": f"{programs}:/usr/bin:/bin", "PS1": "$ "},
    ) as terminal:
        journey.fix_and_replay(terminal, "sagaz-tui")
    assert journey.effects_of(folder / "ledger.db", journey.FAILED)[-3:] == [
        "reserved",
        "charged",
        "shipped",
    ]
