"""Which values are secrets, and where their keys are, is settled in the settings file."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from sagaz_core.compliance.keys import KeyRing
from sagaz_core.errors import UsageError
from sagaz_tui.secrecy import compliance_of
from sagaz_tui.settings import load_settings

KEY = base64.b64encode(b"k" * 32).decode()
BOTH = 'compliance = { encrypt = true, sensitive_fields = ["ssn"] }'


def settled(folder: Path, text: str, *, writes: bool = True, **environ: str) -> object:
    (folder / "sagaz.toml").write_text(text)
    settings = load_settings(environ={}, folder=folder)
    return compliance_of(settings, writes=writes, environ=environ)


def test_where_nothing_is_said_of_secrets_nothing_is_loaded_for_them(tmp_path: Path) -> None:
    assert settled(tmp_path, "") is None


def test_keys_come_from_the_environment_or_from_a_file_beside_the_settings(tmp_path: Path) -> None:
    key_file = tmp_path / "keys"
    lines = f"2026={KEY}\r\n# the one before\r\n2025={KEY}\r\n"
    key_file.write_text(lines, encoding="utf-8-sig", newline="")
    key_file.chmod(0o600)
    named = settled(tmp_path, BOTH.replace(" }", ', key_file = "keys" }'))
    for found in (
        named,
        settled(tmp_path, BOTH, SAGAZ_KEYS=f"2026={KEY},2025={KEY}"),
        settled(tmp_path, BOTH, SAGAZ_KEY_FILE=str(key_file)),
    ):
        assert found.enable_encryption  # type: ignore[attr-defined]
        ring = found.key_provider  # type: ignore[attr-defined]
        assert isinstance(ring, KeyRing)
        assert ring.ids == ("2026", "2025")


def test_whoever_only_looks_needs_no_key(tmp_path: Path) -> None:
    named = BOTH.replace(" }", ', key_file = "not-here" }')
    for text in (BOTH, named):
        found = settled(tmp_path, text, writes=False)
        assert not found.enable_encryption  # type: ignore[attr-defined]
        assert found.sensitive_fields == ("ssn",)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="not-here' cannot be read"):
        settled(tmp_path, named)


@pytest.mark.parametrize(
    ("text", "environ", "what"),
    [
        (BOTH, {}, "there is no key; set SAGAZ_KEYS"),
        (BOTH, {"SAGAZ_KEYS": "2026=notbase64!"}, "key 1 of the ring is no base64"),
        (BOTH, {"SAGAZ_KEYS": "2026=c2hvcnQ="}, "key 1 of the ring has 5 bytes"),
        (BOTH, {"SAGAZ_KEYS": f"2027={KEY},notbase64{KEY[9:]}"}, "key 2 of the ring has no id"),
        (BOTH, {"SAGAZ_KEYS": "notbase64notbase64=2026"}, "key 1 of the ring has 3 bytes"),
        (BOTH, {"SAGAZ_KEYS": f"2026={KEY},2026={KEY}"}, "key 2 of the ring has the id of one"),
        (BOTH, {"SAGAZ_KEY_FILE": "/nowhere/keys"}, "'/nowhere/keys' cannot be read"),
        ("compliance = { encript = true }", {}, "unknown setting 'compliance.encript'"),
        ('compliance = { encrypt = "yes" }', {}, "compliance.encrypt must be true or false"),
        ("compliance = { sensitive_fields = [1] }", {}, "must be a list of names"),
        ('allow = "view"', {}, "allow must be a list"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_repeated(
    tmp_path: Path, text: str, environ: dict[str, str], what: str
) -> None:
    with pytest.raises(UsageError, match=what) as raised:
        settled(tmp_path, text, **environ)
    assert "notbase64" not in str(raised.value)
    assert "c2hvcnQ" not in str(raised.value)


def test_a_key_file_that_others_can_read_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key_file = tmp_path / "keys"
    key_file.write_text(f"2026={KEY}\n")
    key_file.chmod(0o644)
    settled(tmp_path, BOTH, SAGAZ_KEY_FILE=str(key_file))
    assert f"run `chmod 600 {key_file}`" in caplog.text
