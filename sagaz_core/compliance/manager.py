"""The compliance settings, checked, with the keys at hand."""

from __future__ import annotations

from sagaz_core.compliance.config import PERMISSIONS, ComplianceConfig
from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.compliance.keys import KeyProvider, KeyRing, Passphrase
from sagaz_core.errors import NotAllowedError, UsageError


class ComplianceManager:
    """What a storage asks about secrets. One may serve several storages.

    Args:
        config: the settings.

    Raises:
        UsageError: they do not fit together, and what to do.
    """

    def __init__(self, config: ComplianceConfig) -> None:
        self.config = config
        self.fields = SensitiveFields(config.sensitive_fields)
        self.keys = _keys_of(config)
        unknown = sorted(set(config.allow) - set(PERMISSIONS))
        if unknown:
            raise UsageError(f"allow names {unknown[0]!r}; there are {', '.join(PERMISSIONS)}")
        self.allow = frozenset(config.allow)
        if config.enable_encryption and self.keys is None:
            raise UsageError(
                "encryption is enabled without a key; give an encryption_key or a key_provider"
            )
        if config.enable_encryption and not self.fields:
            raise UsageError(
                "encryption is enabled and no field is sensitive; name some in sensitive_fields"
            )

    def require(self, permission: str) -> None:
        """Raise NotAllowedError unless this program may do that."""
        if permission not in self.allow:
            raise NotAllowedError(
                f"the settings do not allow to {permission} here; they allow to "
                f"{', '.join(each for each in PERMISSIONS if each in self.allow) or 'do nothing'}"
            )

    @property
    def encrypts(self) -> bool:
        """Whether secrets that are written from now on are encrypted."""
        return self.config.enable_encryption


def _keys_of(config: ComplianceConfig) -> KeyProvider | Passphrase | None:
    if config.key_provider is not None:
        if config.encryption_key is not None:
            raise UsageError("give an encryption_key or a key_provider, not both")
        return config.key_provider
    if isinstance(config.encryption_key, bytes):
        return KeyRing({"key": config.encryption_key})
    if config.encryption_key is not None:
        return Passphrase(config.encryption_key)
    return None
