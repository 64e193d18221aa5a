"""``sagaz replay run --simulate``: what each step would do, and from where that is known."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli import shop
from tests.cli.command import Command
from tests.cli.shop import record_shop

RUN = ("replay", "run", "order_1", "--from-step", "charge", "--simulate")
NEW_TOKEN = ("--override", "payment_token=tok_new")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture
def store(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGAZ_SAGAS", "tests.cli.shop")
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


@pytest.fixture(autouse=True)
def _nothing_may_happen(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever really happens raise, with the code that was recorded."""

    def context(*_: Any, **__: Any) -> None:
        raise AssertionError("a real action or compensation was called")

    monkeypatch.setattr("sagaz_core.saga.saga.Saga.execute", context)
    for name in ("_reserve", "_release", "_charge", "_ship"):
        real = getattr(shop.Order, name)

        class Closed:
            """Has the code of the real one, and cannot be called."""

            __code__ = real.__code__

            def __call__(self, *_: Any) -> None:
                raise AssertionError("a real action or compensation was called")

        monkeypatch.setattr(shop.Order, name, Closed())


@pytest.mark.parametrize("format", ["text", "table"])
def test_it_shows_what_each_step_did_and_writes_nothing(
    command: Command, store: Path, format: str
) -> None:
    before = store.read_bytes()
    done = command(*RUN, *NEW_TOKEN, "--format", format)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "outcome it would succeed" in lines
    assert "reserve completed what it did in order_1" in lines
    assert "charge completed BORROWED from order_2" in lines
    assert "In the end, against the checkpoint" in lines
    assert any("/tracking" in line or "/ship" in line for line in lines)
    assert store.read_bytes() == before


@pytest.mark.usefixtures("store")
def test_in_json_it_has_each_step_and_what_differs(command: Command) -> None:
    done = command(*RUN, *NEW_TOKEN, "--format", "json").json
    assert (done["status"], done["new_saga_id"]) == ("success", None)
    rehearsal = done["rehearsal"]
    assert [step["known_from"] for step in rehearsal["steps"]] == [
        "recorded",
        "borrowed",
        "borrowed",
    ]
    assert rehearsal["steps"][1]["changes"] == [
        {"path": "/charged", "kind": "added", "after": {"$decimal": "99.90"}}
    ]
    assert rehearsal["unknown_from"] is None
    assert "/payment_token" in [change["path"] for change in rehearsal["changes"]]


@pytest.mark.usefixtures("store")
def test_a_failure_asked_for_ends_with_1_and_shows_what_is_undone(command: Command) -> None:
    done = command(*RUN, *NEW_TOKEN, "--fail-at", "ship")
    assert done.code == 1
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "outcome it would FAIL" in lines
    assert "reserve completed, undone what it did in order_1" in lines
    assert "ship FAILED the failure asked for" in lines


@pytest.mark.usefixtures("store")
def test_a_step_that_is_not_known_ends_with_1_and_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(_self: Any, _ctx: Any) -> str:
        raise AssertionError("a real action was called")

    monkeypatch.setattr(shop.Order, "_ship", changed)
    done = command(*RUN, *NEW_TOKEN)
    assert done.code == 1
    assert "outcome       NOT KNOWN" in done.out
    assert "from step 'ship' on nothing is known" in done.out
    assert "NOTHING IS KNOWN" in done.out


@pytest.mark.usefixtures("store")
def test_an_invalid_plan_ends_with_1_and_is_shown(command: Command) -> None:
    done = command(*RUN, "--fail-at", "nothing")
    assert done.code == 1
    assert "plan        INVALID" in done.out
    assert "the saga has no step 'nothing', so it cannot be made to fail" in done.out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("more", [("--dry-run",), ("--force-failure", "--fail-at", "ship")])
def test_what_contradicts_itself_is_wrong_usage(command: Command, more: tuple[str, ...]) -> None:
    done = command(*RUN, *more)
    assert (done.code, done.out) == (2, "")
