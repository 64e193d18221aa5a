"""Code that changes while a screen is open is loaded anew, and none but the person's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagaz_core.errors import UsageError
from sagaz_tui.saga_code.loading import load_code
from sagaz_tui.settings import Settings

SHOP = "from changing_prices import PRICE\ndef make(context):\n    return PRICE\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a factory that takes a price from another module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "changing_shop.py").write_text(SHOP)
    (tmp_path / "changing_prices.py").write_text("PRICE = 1\n")
    yield tmp_path
    for name in ("changing_shop", "changing_prices"):
        sys.modules.pop(name, None)


def price() -> object:
    """Load the factory as the screen does, and call it."""
    settings = Settings(factories={"Shop": "changing_shop:make"})
    factory = load_code(settings, "Shop", None)
    assert factory is not None
    return factory({})


def change(file: str, text: str) -> None:
    """Change a file, and be sure that it shows."""
    before = Path(file).stat().st_mtime_ns
    Path(file).write_text(text)
    os.utime(file, ns=(before + 2_000_000_000,) * 2)


def test_a_module_that_another_one_uses_is_loaded_anew_with_it() -> None:
    assert price() == 1
    change("changing_prices.py", "PRICE = 2\n")
    assert price() == 2


def test_what_has_not_changed_is_loaded_once() -> None:
    price()
    loaded = sys.modules["changing_prices"]
    assert price() == 1
    assert sys.modules["changing_prices"] is loaded


def test_code_that_cannot_be_loaded_for_a_moment_can_be_once_it_is_mended() -> None:
    assert price() == 1
    change("changing_shop.py", "def make(context:\n")
    with pytest.raises(UsageError, match="changing_shop"):
        price()
    change("changing_shop.py", SHOP)
    assert price() == 1


def test_installed_code_is_left_alone(folder: Path) -> None:
    installed = folder / "site-packages"
    installed.mkdir()
    sys.path.insert(0, str(installed))
    (folder / "changing_prices.py").rename(installed / "changing_prices.py")
    price()
    loaded = sys.modules["changing_prices"]
    change("changing_shop.py", SHOP + "# changed\n")
    price()
    assert sys.modules["changing_prices"] is loaded
