"""What a store keeps secret, and with which keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sagaz_core.compliance.keys import KeyProvider

PERMISSIONS: Final = ("view", "reveal", "replay", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceConfig:
    """What a store keeps secret.

    Args:
        enable_encryption: encrypt the secrets of whatever is written from now on. Without it
            they are only masked where they are shown.
        sensitive_fields: names of keys at any depth (``"ssn"``), or JSON Pointers with ``*``
            (``"/cards/*/cvv"``); exact, never parts of names.
        encryption_key: 32 bytes, or a passphrase; text is always the latter. For keys that are
            changed over time give a ``key_provider`` instead.
        key_provider: what wraps the sagas' keys, such as a
            :class:`~sagaz_core.compliance.keys.KeyRing`.
        allow: what this program may do: ``view``, ``reveal`` secrets, ``replay``, ``delete``. A
            guard rail; what a person may do is the store's to enforce.
    """

    enable_encryption: bool = False
    sensitive_fields: Sequence[str] = ()
    encryption_key: str | bytes | None = field(default=None, repr=False)
    key_provider: KeyProvider | None = field(default=None, repr=False)
    allow: Sequence[str] = PERMISSIONS
