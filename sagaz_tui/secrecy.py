"""Which values are secrets and where their keys are, as the settings say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sagaz_core.compliance.config import PERMISSIONS, ComplianceConfig
from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.errors import UsageError

if TYPE_CHECKING:
    from sagaz_core.compliance.keys import KeyProvider
    from sagaz_tui.settings import Settings

KEYS: Final = "SAGAZ_KEYS"
KEY_FILE: Final = "SAGAZ_KEY_FILE"
PASSPHRASE: Final = "SAGAZ_PASSPHRASE"
_MEMBERS: Final[Mapping[str, tuple[type, str]]] = {
    "encrypt": (bool, "true or false"),
    "sensitive_fields": (list, "a list of names"),
    "key_file": (str, "a path"),
}


def compliance_of(
    settings: Settings, *, writes: bool, environ: Mapping[str, str] | None = None
) -> ComplianceConfig | None:
    """Return what the settings say of secrets; None: nothing, and no key is at hand.

    Whoever only looks needs no key.

    Keys come from a file, or from the environment; never from the settings themselves.

    Raises:
        UsageError: a setting or a key is not what it must be.
    """
    environment = os.environ if environ is None else environ
    has_keys = any(environment.get(name) for name in (KEYS, KEY_FILE, PASSPHRASE))
    if not settings.compliance and not has_keys and settings.allow == PERMISSIONS:
        return None
    given = _checked(settings.compliance, str(settings.file))
    provider = _key_provider(given, settings, environment, writes)
    passphrase = None if provider else environment.get(PASSPHRASE) or None
    encrypts = given.get("encrypt", False)
    has_key = provider is not None or passphrase is not None
    if encrypts and writes and not has_key:
        raise UsageError(
            f"compliance.encrypt is set and there is no key; set {KEYS} to id=BASE64, or "
            "compliance.key_file to a file of such lines"
        )
    return ComplianceConfig(
        enable_encryption=encrypts and has_key,
        sensitive_fields=tuple(given.get("sensitive_fields", ())),
        encryption_key=passphrase,
        key_provider=provider,
        allow=settings.allow,
    )


def where_keys_are(settings: Settings, environ: Mapping[str, str] | None = None) -> str:
    """Return where the keys come from: a variable or a file; empty: there are none."""
    environment = os.environ if environ is None else environ
    for name in (KEYS, KEY_FILE):
        if environment.get(name):
            return f"environment {name}"
    if path := settings.compliance.get("key_file"):
        return str(_beside(settings, path))
    return f"environment {PASSPHRASE}" if environment.get(PASSPHRASE) else ""


def sensitive_fields_of(settings: Settings) -> SensitiveFields:
    """Return which values the settings call secrets."""
    return SensitiveFields(settings.compliance.get("sensitive_fields", ()))


def _checked(given: Mapping[str, Any], file: str) -> Mapping[str, Any]:
    for name, value in given.items():
        if name not in _MEMBERS:
            raise UsageError(
                f"{file}: unknown setting 'compliance.{name}'; there are {', '.join(_MEMBERS)}"
            )
        kind, words = _MEMBERS[name]
        if not isinstance(value, kind):
            raise UsageError(f"{file}: compliance.{name} must be {words}")
    for each in given.get("sensitive_fields", ()):
        if not isinstance(each, str):
            raise UsageError(f"{file}: compliance.sensitive_fields must be a list of names")
    return given


def _key_provider(
    given: Mapping[str, Any], settings: Settings, environment: Mapping[str, str], writes: bool
) -> KeyProvider | None:
    # It loads the encryption, which most stores never need.
    from sagaz_core.compliance.keys import KeyRing

    if text := environment.get(KEYS):
        return KeyRing.parse(text)
    if path := environment.get(KEY_FILE):
        return KeyRing.from_file(path)
    if name := given.get("key_file"):
        file = _beside(settings, name)
        # The settings may be those of others, who can read it.
        if writes or os.access(file, os.R_OK):
            return KeyRing.from_file(file)
    return None


def _beside(settings: Settings, path: str) -> Path:
    """Return a path relative to the file that names it, not to where one stands."""
    return (settings.file or Path()).parent / Path(path).expanduser()
