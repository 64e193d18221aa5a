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
        if not isinstance(config, ComplianceConfig):
            raise UsageError(
                f"compliance is of type {type(config).__name__}; give a ComplianceConfig"
            )
        self.config = config
        self.fields = SensitiveFields(config.sensitive_fields)
        self.keys = _keys_of(config)
        if isinstance(config.allow, str):
            raise UsageError(f'allow is a list of permissions; write ["{config.allow}"]')
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
    provider, key = config.key_provider, config.encryption_key
    if provider is not None:
        if key is not None:
            raise UsageError("give an encryption_key or a key_provider, not both")
        if isinstance(provider, type) or not isinstance(provider, KeyProvider):
            raise UsageError("the key_provider is no object with the methods wrap and unwrap")
        return provider
    if isinstance(key, bytes):
        return KeyRing({"key": key})
    if isinstance(key, str):
        return Passphrase(key)
    if key is not None:
        raise UsageError(
            f"the encryption_key is of type {type(key).__name__}; give 32 bytes, or a passphrase"
        )
    return None
