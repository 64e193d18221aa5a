"""The key of one saga, under which its secrets are encrypted and its checkpoints authenticated."""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
CODE_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class WrongKeyError(ValueError):
    """A key does not open what was locked with another, or for another place."""


class DataKey:
    """32 random bytes, and the keys that follow from them for each use.

    Args:
        key: the bytes; never stored but wrapped.
        owner: what it is the key of; the same bytes with another owner are another key.
    """

    def __init__(self, key: bytes, owner: bytes) -> None:
        self._cipher = AESGCM(_derived(key, b"encrypt", owner))
        self._code_key = _derived(key, b"authenticate", owner)

    def encrypt(self, value: bytes, place: bytes) -> bytes:
        """Return a value's bytes encrypted by AES-256-GCM, bound to its place."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, place)

    def decrypt(self, encrypted: bytes, place: bytes) -> bytes:
        """Return the value's bytes; raises WrongKeyError if they are not from this place."""
        nonce, content = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, content, place)
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError("encrypted with another key, for elsewhere, or altered") from error

    def code(self, content: bytes) -> bytes:
        """Return the authentication code of some content: 16 bytes of HMAC-SHA256."""
        return hmac.digest(self._code_key, content, "sha256")[:CODE_BYTES]


def new_key() -> bytes:
    """Return a fresh random key."""
    return os.urandom(KEY_BYTES)


def _derived(key: bytes, use: bytes, owner: bytes) -> bytes:
    # The key is random and as long as the hash: one block of HKDF's expansion (RFC 5869).
    return hmac.digest(key, b"sagaz " + use + b"\x00" + owner + b"\x01", "sha256")
