"""A secret is shown as it is for some seconds to who asks for it, and that is put on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.model import Masked, SagaSnapshot
from sagaz_core.replay.overrides import Override
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.debugger import revealing
from sagaz_tui.edits.staged import read_edit
from sagaz_tui.replaying.as_command import override_options
from sagaz_tui.settings import Settings, load_settings
from sagaz_tui.stores import open_existing
from tests.cli.test_keys import OLD, ring
from tests.screen.looking import painted, press, until, until_painted

CARD, PIN = "4111-1111-1111-1111", "90817263"


@pytest.fixture
async def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a store with an order that has two secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
    (tmp_path / "sagaz.toml").write_text(
        'storage_url = "sqlite:///s.db"\n'
        'compliance = { encrypt = true, sensitive_fields = ["card", "pin"] }\n'
    )
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=["card", "pin"], key_provider=KeyRing({"old": OLD})
    )
    async with SQLiteSnapshotStorage("s.db", compliance=compliance) as storage:
        for number in (1, 2):
            context = {"amount": number, "card": CARD, "pin": PIN}
            await storage.save_snapshot(
                SagaSnapshot(saga_id="o1", saga_name="Order", context=context)
            )
    return load_settings()


async def events() -> list[str]:
    async with SQLiteSnapshotStorage("s.db", read_only=True) as storage:
        return [each.event for each in await storage.list_audit_events("o1")]


def opened(settings: Settings) -> SagazApp:
    return SagazApp(open_existing(settings, read_only=True), settings, "o1", ascii=False)


async def test_it_is_shown_for_a_while_and_only_the_one_that_was_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revealing, "SECONDS", 0.3)
    async with opened(settings).run_test(size=(100, 30), notifications=True) as pilot:
        await until_painted(pilot, "2 Context @#2", "‹secret 19ch")
        press(pilot, "2", "u")
        await until_painted(pilot, "this is no secret")
        assert await events() == []
        press(pilot, "j", "y")
        await until_painted(pilot, "copied the mask, not the value, of /card")
        assert pilot.app.clipboard.startswith("‹secret 19ch")
        press(pilot, "u")
        await until_painted(pilot, CARD, "that is on record")
        assert PIN not in painted(pilot.app)
        assert await events() == ["revealed"]
        await until(pilot, lambda: CARD not in painted(pilot.app), "the mask again")
        assert "‹secret 19ch" in painted(pilot.app)


@pytest.mark.parametrize("keys", [("j",), ("h",), ("question_mark",)])
async def test_it_is_masked_again_at_once_when_somebody_goes_elsewhere(
    settings: Settings, keys: tuple[str, ...]
) -> None:
    async with opened(settings).run_test(size=(100, 30), notifications=True) as pilot:
        await until_painted(pilot, "2 Context @#2", "‹secret 19ch")
        press(pilot, "2", "j", "u")
        await until_painted(pilot, CARD)
        press(pilot, "y")
        await until_painted(pilot, "copied the value of /card")
        assert pilot.app.clipboard == CARD
        press(pilot, *keys)
        await until(pilot, lambda: CARD not in painted(pilot.app), "the mask again")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("read_only = true", "this store was opened read-only"),
        ('allow = ["view"]', "the settings do not allow to reveal here"),
    ],
)
async def test_where_it_may_not_be_seen_the_key_says_why(
    settings: Settings, line: str, words: str
) -> None:
    file = Path("sagaz.toml")
    file.write_text(f"{file.read_text()}{line}\n")
    async with opened(load_settings()).run_test(size=(100, 30), notifications=True) as pilot:
        await until_painted(pilot, "2 Context @#2", "‹secret 19ch")
        press(pilot, "2", "j", "u")
        await until_painted(pilot, words)
        assert CARD not in painted(pilot.app)
    assert await events() == []


@pytest.mark.parametrize(
    ("typed", "is_secret"),
    [
        ("pin=24680", True),
        ('buyer:={"card":"4555"}', True),
        ("/cart/0/pin:=1", True),
        ("note=24680", False),
        ('buyer:={"name":"Ada"}', False),
    ],
)
def test_a_secret_is_staged_as_a_mask_also_where_none_is_recorded(
    typed: str, is_secret: bool
) -> None:
    edit = read_edit(typed, {"cart": [{"qty": 1}]}, SensitiveFields(["card", "pin"]))
    assert isinstance(edit.after, Masked) == is_secret
    shown = repr(edit)
    assert is_secret == ("24680" not in shown and "4555" not in shown and "Ada" not in shown)


@pytest.mark.parametrize(
    ("fields", "by_plan"), [([], ["/token", "/buyer"]), (["token", "card"], [])]
)
def test_a_command_that_is_copied_holds_no_secret_that_the_settings_or_the_plan_know(
    fields: list[str], by_plan: list[str]
) -> None:
    overrides = [
        Override("/token", "=", "tok_new"),
        Override("/buyer", ":=", '{"card": "4555"}'),
        Override("/note", "=", "urgent"),
    ]
    settings = Settings(compliance={"sensitive_fields": fields})
    options = override_options(overrides, settings, by_plan)
    assert options == [
        ("--secret", "token"),
        ("--override", "buyer=@FILE"),
        ("--override", "note=urgent"),
    ]
