"""A secret's new value is typed unseen, checked like any other, and kept nowhere once staged."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator
from textual.widgets import Static

from sagaz_core import ComplianceConfig, Saga
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.model import Masked
from sagaz_core.saga.context import StepContext
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.edits.base import EditBase
from sagaz_tui.settings import load_settings
from sagaz_tui.stores import open_existing
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.edit_line import EditLine
from tests.cli.test_keys import OLD, ring
from tests.screen.looking import painted, press, until, until_painted

CARD, PIN, NEW = "4111-1111-1111-1111", 90817263, "4222-2222"
FIELDS = ["card", "pin"]


class SealedContext(BaseModel):
    """What the context of a sealed order has to look like."""

    card: str
    pin: int

    @field_validator("card")
    @classmethod
    def ours(cls, card: str) -> str:
        if not card.startswith("4"):
            raise ValueError(f"{card!r} is no card of ours")
        return card


class SealedOrder(Saga):
    """Fails with every card."""

    context_model = SealedContext

    async def build(self) -> None:
        await self.add_step("charge", self._charge)

    async def _charge(self, ctx: StepContext) -> None:
        raise ConnectionError("the bank does not answer")


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SagazApp:
    """The screen on an order with two secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
    (tmp_path / "sagaz.toml").write_text(
        'storage_url = "sqlite:///s.db"\n'
        f"compliance = {{ encrypt = true, sensitive_fields = {FIELDS} }}\n"
    )
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=FIELDS, key_provider=KeyRing({"old": OLD})
    )
    async with SQLiteSnapshotStorage("s.db", compliance=compliance) as storage:
        context: dict[str, Any] = {"card": CARD, "pin": PIN}
        context |= {"wallet": {"card": CARD}, "buyer": {"name": "Ada"}}
        await SealedOrder(context, saga_id="o1", snapshot_storage=storage).execute()
    settings = load_settings()
    return SagazApp(open_existing(settings, read_only=True), settings, "o1", ascii=False)


def line_of(app: SagazApp) -> EditLine:
    return app.screen.query_one(EditLine)


def hint(app: SagazApp) -> str:
    return str(app.screen.query_one("#hint", Static).content)


async def test_it_is_typed_unseen_and_checked_as_it_is_typed(app: SagazApp) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await until_painted(pilot, "‹secret 19ch", "the bank does not")
        press(pilot, "e", *"card=9222-2222")
        await until_painted(pilot, "e> card=•••••••••")
        # Both by what is recorded, which the screen shows only a mask of.
        await until_painted(
            pilot, "SealedContext refuses /card", "‹secret 9ch ·", "no card of ours"
        )
        assert "9222" not in painted(app)
        press(pilot, "ctrl+u", *"pin=lots", "enter")
        await until_painted(pilot, "/pin is recorded as int, and the override is a str; ctrl+t")
        assert line_of(app).edits == ()
        press(pilot, "ctrl+u", *"card=", *CARD)
        old = next(part for part in painted(app).split() if part.startswith("·"))
        await until(pilot, lambda: hint(app).count(old) == 2, "the same fingerprint for the same")
        press(pilot, "shift+home", "ctrl+c")
        await until(pilot, lambda: app.clipboard, "a copy")
        assert app.clipboard == "card=" + "•" * len(CARD)


async def test_once_it_is_staged_or_left_nothing_has_it_but_what_hides_it(app: SagazApp) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await until_painted(pilot, "‹secret 19ch", "the bank does not")
        press(pilot, "e", *"card=", *NEW, "enter")
        await until_painted(pilot, "1 staged", "~ /card  ‹secret 19ch ·")
        await until(pilot, lambda: line_of(app).edits[0].after.fingerprint, "its mask")
        await until_painted(pilot, str(line_of(app).edits[0].after))
        entry = app.screen.query_one(EditInput)
        assert entry.value == ""
        assert line_of(app)._plain is None
        for each in (line_of(app).edits, line_of(app)._history, entry, line_of(app)._base):
            assert NEW not in repr(each)
        press(pilot, "e", *'buyer:={"card": "', *NEW)
        await until_painted(pilot, "e> buyer:=•••••••••")
        press(pilot, "escape")
        await until(pilot, lambda: not line_of(app).typing, "the line left")
        assert entry.value == ""
        assert NEW not in painted(app)


async def test_what_was_staged_before_its_type_was_known_says_that_it_does_not_fit(
    app: SagazApp,
) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await until_painted(pilot, "‹secret 19ch", "the bank does not")
        base = EditBase("charge", 2, {"card": Masked(19, b"f"), "pin": Masked(8, b"f")}, {}, "o1")
        line = line_of(app)
        line.open(base, "pin=lots")
        line.submit()
        await until_painted(pilot, "1 no longer fits", "! /pin is recorded as int")
        line.open(base, f"pin={PIN}")
        line.submit()
        await until_painted(pilot, "1 staged", "→ ‹secret 8ch ·")
        assert not line.edits[0].problem


async def test_an_editor_gets_nothing_that_holds_one(
    app: SagazApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""cat "$1" >> seen; echo '[{{"card": "{NEW}"}}]' > "$1" """
    Path("editor.sh").write_text(script)
    monkeypatch.setenv("VISUAL", "sh editor.sh")
    monkeypatch.setattr(app, "suspend", contextlib.nullcontext)
    async with app.run_test(size=(140, 30)) as pilot:
        await until_painted(pilot, "‹secret 19ch", "the bank does not")
        press(pilot, "e", *"wallet", "ctrl+e")
        await until_painted(pilot, "no editor gets a secret")
        for _ in range(2):
            # Nor does it get back what was typed in it, and did not fit.
            press(pilot, "ctrl+u", *"buyer", "ctrl+e")
            await until_painted(pilot, "/buyer is recorded as dict, and the override is a list")
            press(pilot, "ctrl+u")
            await until(pilot, lambda: "recorded as dict" not in painted(app), "an empty line")
    assert Path("seen").read_text().count("Ada") == 2
    assert NEW not in Path("seen").read_text()


async def test_a_bug_shows_where_it_is_and_not_what_was_typed(
    app: SagazApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: EditLine) -> None:
        typed = self._input.value
        raise RuntimeError(f"a bug with {len(typed)} characters")

    monkeypatch.setattr(EditLine, "turn_type", broken)

    async def type_and_break() -> None:
        async with app.run_test(size=(140, 30)) as pilot:
            await until_painted(pilot, "‹secret 19ch", "the bank does not")
            press(pilot, "e", *"card=", *NEW, "ctrl+t")
            await until(pilot, lambda: app._exit_renderables, "the traceback")

    with pytest.raises(RuntimeError, match="a bug"):
        await type_and_break()
    said = capsys.readouterr().err
    assert "a bug with 14 characters" in said
    assert NEW not in said
