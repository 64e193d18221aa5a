"""The secrets of one store: which values are, and the keys of its sagas."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import ormsgpack

from sagaz_core.compliance import asking
from sagaz_core.compliance.data_key import DataKey, new_key
from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.compliance.keys import KeyProvider, KeyRing, Passphrase
from sagaz_core.compliance.manager import ComplianceManager
from sagaz_core.errors import DecryptionError, StorageUnavailableError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.codec import pack
from sagaz_core.storage.saga_key import SagaKey
from sagaz_core.storage.store_secrets import (
    StoreSecrets,
    new_salt,
    read_store_secrets,
    write_store_secrets,
)
from sagaz_core.storage.wrapped_key import WrappedKey

if TYPE_CHECKING:
    from sagaz_core.storage.striking import Striker

FINGERPRINT_BYTES: Final = 16
_KEPT: Final = 4096
"""Sagas whose keys are kept at hand: unwrapping may ask a service."""


class Protection:
    """What protects the secrets of one store.

    Args:
        backend: the store's.
        manager: which values are secrets, and the keys.
    """

    def __init__(self, backend: Backend, manager: ComplianceManager) -> None:
        self.manager = manager
        self._backend = backend
        self._fingerprint_key: bytes | None = None
        self._is_made = False
        """Whether the store's own keys are as what is written from now on needs them."""
        self._audit_key: DataKey | None = None
        self._provider: KeyProvider | None = (
            None if isinstance(manager.keys, Passphrase) else manager.keys
        )
        self._keys: OrderedDict[tuple[str, int, bytes], SagaKey] = OrderedDict()
        self.strikers: OrderedDict[str, Striker] = OrderedDict()
        """By saga, what takes the secrets that it has had in this process out of texts."""

    @property
    def fields(self) -> SensitiveFields:
        """Which values are secrets."""
        return self.manager.fields

    async def ready(self, *, writes: bool) -> None:
        """Have the store's own keys at hand; with ``writes`` they are made if there are none.

        Raises:
            DecryptionError: they were wrapped with a key that is not at hand.
        """
        if self._is_made or (self._fingerprint_key is not None and not writes):
            return
        secrets, version = await read_store_secrets(self._backend)
        if secrets is None and writes:
            secrets = await self._made()
        if secrets is None:
            return
        await self._have_provider(secrets.salt)
        provider = self._provider
        if not secrets.wrapped:
            self._fingerprint_key = secrets.fingerprint_key
            if writes and self.manager.encrypts and provider is not None:
                # From now on it is worth something. What audit trails rest on never was plain.
                wrapped = await asking.wrap(provider, secrets.fingerprint_key)
                audit_key = await asking.wrap(provider, new_key())
                await write_store_secrets(
                    self._backend, StoreSecrets(secrets.salt, wrapped, True, audit_key), version
                )
        elif provider is not None:
            self._fingerprint_key = await asking.unwrap(provider, secrets.fingerprint_key)
        elif writes:
            raise DecryptionError(
                f"the secrets of {self._backend.name} are encrypted; give their keys to write here"
            )
        if writes:
            self._is_made = True

    async def _made(self) -> StoreSecrets:
        salt, key = new_salt(), new_key()
        await self._have_provider(salt)
        if self.manager.encrypts and self._provider is not None:
            audit_key = await asking.wrap(self._provider, new_key())
            made = StoreSecrets(salt, await asking.wrap(self._provider, key), True, audit_key)
        else:
            made = StoreSecrets(salt, key, False)
        if await write_store_secrets(self._backend, made, 0):
            return made
        found, _ = await read_store_secrets(self._backend)
        if found is None:
            raise StorageUnavailableError("the store's own keys went while they were made")
        return found

    async def _have_provider(self, salt: bytes) -> None:
        if isinstance(self.manager.keys, Passphrase):
            self._provider = await self.manager.keys.ring(salt)

    def fingerprint(self, packed: bytes) -> bytes:
        """Return what equal values have in common, given a value's bytes."""
        # Where nothing was ever kept secret, processes that look agree all the same.
        key = self._fingerprint_key or hashlib.sha256(self._backend.place.encode()).digest()
        return hmac.digest(key, packed, "sha256")[:FINGERPRINT_BYTES]

    async def audit_key(self, *, writes: bool) -> DataKey | None:
        """Return the key of the store's audit trails; None: it has none, or no key was given.

        With ``writes`` the store's keys are made if there are none and it encrypts; without, it
        is None also where the keys that were given do not open it.

        Raises:
            DecryptionError: they do not. What is written without it is never verified again.
        """
        if self._audit_key is None and self.manager.keys is not None:
            try:
                await self.ready(writes=writes and self.manager.encrypts)
                secrets, _ = await read_store_secrets(self._backend)
                if secrets is not None and secrets.audit_key and self._provider is not None:
                    key = await asking.unwrap(self._provider, secrets.audit_key)
                    self._audit_key = DataKey(key, b"audit")
            except DecryptionError:
                if writes:
                    raise
        return self._audit_key

    # -- keys of sagas

    async def new_key(self, owner: str, since: int = 0) -> SagaKey:
        """Return a fresh key.

        Args:
            owner: the saga that it is for, or what else.
            since: the checkpoint from which on it is there.
        """
        assert self._provider is not None
        key = new_key()
        wrapped = WrappedKey(since, await asking.wrap(self._provider, key))
        return self._keep(owner, SagaKey(DataKey(key, _place(owner, since)), since, wrapped))

    async def opened_key(self, owner: str, wrapped_key: bytes) -> SagaKey:
        """Return the key that was made for an owner; raises DecryptionError: it is not at hand."""
        wrapped = WrappedKey.from_bytes(wrapped_key)
        known = self._keys.get((owner, wrapped.since, wrapped.by_provider))
        if known is not None:
            return known
        if self._provider is None:
            raise DecryptionError("its key is not at hand; give the keys of the store")
        opened = await asking.unwrap(self._provider, wrapped.by_provider)
        key = DataKey(opened, _place(owner, wrapped.since))
        return self._keep(owner, SagaKey(key, wrapped.since, wrapped))

    async def saga_key(self, row: SagaRow) -> SagaKey:
        """Return the key of a saga that has one; raises DecryptionError if it is not at hand."""
        assert row.wrapped_key is not None
        try:
            return await self.opened_key(row.saga_id, row.wrapped_key)
        except DecryptionError as error:
            raise DecryptionError(f"saga {row.saga_id!r}: {error}") from error

    @property
    def ring(self) -> KeyRing | None:
        """The keys by id, where it is known which one something is wrapped with."""
        return self._provider if isinstance(self._provider, KeyRing) else None

    def is_current(self, wrapped_key: bytes) -> bool:
        """Whether a saga's key is wrapped with the current key, as far as that can be told."""
        ring = self.ring
        by_provider = WrappedKey.from_bytes(wrapped_key).by_provider
        return ring is not None and KeyRing.key_of(by_provider) == ring.ids[0]

    async def rewrap_store_secrets(self) -> None:
        """Wrap the store's own key anew with the current key of the provider.

        Raises:
            DecryptionError: there is no key, or not the one that it was wrapped with.
        """
        await self.ready(writes=True)
        provider = self._provider
        if provider is None:
            raise DecryptionError("there is no key to rotate to; give the keys, the new one first")
        secrets, version = await read_store_secrets(self._backend)
        if secrets is not None and secrets.wrapped:
            key = await asking.unwrap(provider, secrets.fingerprint_key)
            audit_key = (
                await asking.unwrap(provider, secrets.audit_key) if secrets.audit_key else new_key()
            )
            wrapped = StoreSecrets(
                secrets.salt,
                await asking.wrap(provider, key),
                True,
                await asking.wrap(provider, audit_key),
            )
            await write_store_secrets(self._backend, wrapped, version)

    async def rewrapped(self, row: SagaRow) -> bytes:
        """Return a saga's key wrapped anew with the current key of the provider."""
        provider = self._provider
        assert provider is not None
        assert row.wrapped_key is not None
        wrapped = WrappedKey.from_bytes(row.wrapped_key)
        key = await asking.unwrap(provider, wrapped.by_provider)
        return wrapped._replace(by_provider=await asking.wrap(provider, key)).to_bytes()

    def let_go(self, saga_ids: Collection[str]) -> None:
        """Keep the keys and secrets of some sagas at hand no longer."""
        for place in [place for place in self._keys if place[0] in saga_ids]:
            del self._keys[place]
        for saga_id in saga_ids:
            self.strikers.pop(saga_id, None)

    def _keep(self, owner: str, key: SagaKey) -> SagaKey:
        self._keys[owner, key.since, key.wrapped.by_provider] = key
        while len(self._keys) > _KEPT:
            self._keys.popitem(last=False)
        return key


def _place(owner: str, since: int) -> bytes:
    return ormsgpack.packb([owner, since])


def text_length(value: Any) -> int:
    """Return how long a value is as text."""
    if isinstance(value, str):
        return len(value)
    try:
        return len(str(value))
    except ValueError:
        # Python writes no integer of more than some thousand digits.
        return len(pack(value))
