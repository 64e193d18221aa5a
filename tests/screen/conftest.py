"""A store with one failed order of a real shop, whose replay runs in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from tests.end_to_end.shop import ShopSaga

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def styles_parsed_once() -> Iterator[None]:
    """Parse each style once for all apps, not for each as Textual does: an eighth of the time."""
    parsed: dict[tuple[Any, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_once(self: Stylesheet, *source: Any, **how: Any) -> list[RuleSet]:
        key = (source, *how.items(), *self._variables.items())
        if key not in parsed:
            parsed[key] = parse(self, *source, **how)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(autouse=True)
def terminal_that_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in no terminal that is known not to copy, whichever the tests are run from."""
    for name in ("VTE_VERSION", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture(autouse=True)
def words_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is said for some seconds stay for as long as a busy machine may need to look."""
    notify = App.notify

    def stay(self: App[None], message: str, **how: Any) -> None:
        notify(self, message, **{**how, "timeout": 5 * (how.get("timeout") or 5)})

    monkeypatch.setattr(App, "notify", stay)


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SnapshotStorage]:
    """A store with an order whose charge failed, and the gateway up again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with SQLiteSnapshotStorage("sagaz.db") as storage:
        context = {"order_id": "7", "token": "old"}
        saga = ShopSaga(context, saga_id="order_7", snapshot_storage=storage)
        await saga.execute()
        for sign in ("gateway-up", "gateway-answers"):
            Path(sign).touch()
        yield storage
