"""Secrets in the sagas of a batch, and among what is set in them, are on no screen or clipboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_tui.app import SagazApp
from sagaz_tui.settings import load_settings
from sagaz_tui.stores import open_existing
from tests.cli.test_keys import OLD, ring
from tests.screen.looking import painted, press, until, until_painted
from tests.security.leaky_shop import FIELDS, SECRETS, LeakyOrder, start

SETTINGS = f"""
sagas = ["tests.security.leaky_shop"]
storage_url = "sqlite:///sagaz.db"
[compliance]
encrypt = true
sensitive_fields = {FIELDS}
"""
TYPED, INSIDE, IN_FILE = "4222-2222", "4333-3333", "n3w-passw0rd"


async def test_a_batch_is_set_shown_and_copied_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAGAZ_KEYS", ring(old=OLD))
    monkeypatch.setenv("VISUAL", "cp -t .")
    Path("sagaz.toml").write_text(SETTINGS)
    Path("passwords.csv").write_text(f"saga_id,password\no1,{IN_FILE}\n")
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=FIELDS, key_provider=KeyRing({"old": OLD})
    )
    async with SQLiteSnapshotStorage("sagaz.db", compliance=compliance) as storage:
        for saga_id in ("o1", "o2"):
            await LeakyOrder(start(), saga_id=saga_id, snapshot_storage=storage).execute()
    settings = load_settings()
    app = SagazApp(open_existing(settings, read_only=True), settings, ascii=False)
    seen: list[str] = []
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until_painted(pilot, "1 Failed 2")
        for keys, there in (
            (("*",), "2 marked"),
            (("R",), "enter replays 2 sagas"),
            (("e", *"customer", "ctrl+e"), "no editor gets a secret"),
            (("ctrl+u", *f"card={TYPED}"), "‹secret 9ch ·"),
            (("enter",), "~ /card"),
            (("e", *f'buyer:={{"card":"{INSIDE}"}}', "enter"), "+ /buyer"),
            (("f", *"passwords.csv", "enter"), "passwords.csv sets values in 1"),
        ):
            press(pilot, *keys)
            await until_painted(pilot, there)
            seen += [painted(app), app.export_screenshot()]
        await until_painted(pilot, "enter replays 2 sagas")
        press(pilot, "Y")
        await until(pilot, lambda: app.clipboard, "the command")
        seen += [painted(app), app.clipboard]
    assert "--secret card --override buyer=@FILE --override-file passwords.csv" in app.clipboard
    for secret in (TYPED, INSIDE, IN_FILE, *SECRETS.values()):
        assert not any(secret in each for each in seen), secret
    assert not list(tmp_path.glob("value.*"))
