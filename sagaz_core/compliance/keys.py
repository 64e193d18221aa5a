"""Where the keys come from that the sagas' own keys are wrapped with."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import ormsgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sagaz_core.compliance.data_key import KEY_BYTES
from sagaz_core.errors import DecryptionError, UsageError

KEYS_VARIABLE: Final = "SAGAZ_KEYS"
_SCRYPT_COST: Final = 1 << 15
_NONCE_BYTES: Final = 12

_log = logging.getLogger("sagaz")


@runtime_checkable
class KeyProvider(Protocol):
    """Wraps the sagas' keys, as a key management service does. Both may take their time."""

    async def wrap(self, key: bytes) -> bytes:
        """Return 32 bytes of a key wrapped, with whatever it takes to know how to unwrap them."""

    async def unwrap(self, wrapped: bytes) -> bytes:
        """Return the key; raises DecryptionError if it was wrapped with a key not at hand."""


class KeyRing:
    """Keys by id: the first wraps, all unwrap.

    Args:
        keys: 32 bytes each by id, the current one first.

    Raises:
        UsageError: there is none, or one is not 32 bytes long.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise UsageError(f"there is no key; set {KEYS_VARIABLE}, or name a file of keys")
        for key_id, key in keys.items():
            if not isinstance(key, bytes):
                raise UsageError(f"the key {key_id!r} is no bytes; KeyRing.parse reads text")
            if len(key) != KEY_BYTES:
                raise UsageError(f"the key {key_id!r} has {len(key)} bytes; a key has {KEY_BYTES}")
        self.ids = tuple(keys)
        self.file: Path | None = None
        """Where they were read from, if that is a file."""
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read keys, one ``id=BASE64`` a line or between commas, the current one first.

        Raises:
            UsageError: a line is no such thing. None of it is repeated: it may be the key.
        """
        keys: dict[str, bytes] = {}
        lines = (line.strip() for line in text.replace(",", "\n").splitlines())
        for number, line in enumerate((line for line in lines if line and line[0] != "#"), 1):
            key_id, key = _parse_key(line, f"key {number} of the ring")
            if key_id in keys:
                raise UsageError(f"key {number} of the ring has the id of one before it; rename it")
            keys[key_id] = key
        return cls(keys)

    @classmethod
    def from_environment(cls, variable: str = KEYS_VARIABLE) -> KeyRing:
        """Read keys from an environment variable; raises UsageError."""
        return cls.parse(os.environ.get(variable, ""))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> KeyRing:
        """Read keys from a file, which nobody else should be able to read; raises UsageError."""
        file = Path(path)
        try:
            # Some editors begin a file with a mark, which would be part of the first id.
            text = file.read_text(encoding="utf-8-sig")
            mode = file.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the key file {str(file)!r} cannot be read "
                f"({getattr(error, 'strerror', None) or 'no text'}); name another"
            ) from None
        if os.name == "posix" and mode & 0o077:
            _log.warning("others can read the key file %s; run `chmod 600 %s`", file, file)
        ring = cls.parse(text)
        ring.file = file
        return ring

    async def wrap(self, key: bytes) -> bytes:
        """Return the key wrapped with the ring's first."""
        key_id, nonce = self.ids[0], os.urandom(_NONCE_BYTES)
        return ormsgpack.packb(
            [key_id, nonce, self._ciphers[key_id].encrypt(nonce, key, key_id.encode())]
        )

    async def unwrap(self, wrapped: bytes) -> bytes:
        """Return the key; raises DecryptionError naming the ring's key that is missing."""
        try:
            key_id, nonce, encrypted = ormsgpack.unpackb(wrapped)
        except (ValueError, TypeError):
            raise DecryptionError("its key is not wrapped with a key of a ring") from None
        cipher = self._ciphers.get(key_id) if isinstance(key_id, str) else None
        if cipher is None:
            raise DecryptionError(
                f"its key is wrapped with the key {str(key_id)[:80]!r}, which is not in the ring"
            )
        try:
            return cipher.decrypt(nonce, encrypted, key_id.encode())
        except (InvalidTag, ValueError, TypeError):
            raise DecryptionError(
                f"its key does not unwrap with the ring's key {key_id!r}: that is another one, or "
                "the wrapped key was altered"
            ) from None

    @staticmethod
    def key_of(wrapped: bytes) -> str | None:
        """Return the id of the key that something is wrapped with; None: it is not of a ring."""
        try:
            key_id = ormsgpack.unpackb(wrapped)[0]
        except (ValueError, TypeError, LookupError):
            return None
        return key_id if isinstance(key_id, str) else None


def _parse_key(line: str, name: str) -> tuple[str, bytes]:
    key_id, _, encoded = (part.strip() for part in line.partition("="))
    # Base64 ends in = by itself: what seems to be an id alone is likely a key without one.
    if not key_id or not encoded.strip("="):
        raise UsageError(f"{name} has no id; write id=BASE64, one a line")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{name} is no base64; write id=BASE64, one a line") from None
    if len(key) != KEY_BYTES:
        raise UsageError(f"{name} has {len(key)} bytes; a key has {KEY_BYTES}")
    return key_id, key


class Passphrase:
    """A key made of words, by scrypt. For trying things out: a guess is cheap to test.

    Args:
        words: the passphrase.

    Raises:
        UsageError: it is empty.
    """

    def __init__(self, words: str) -> None:
        if not words:
            raise UsageError("the passphrase is empty; give one, or a ring of keys")
        self._words = words
        self._rings: dict[bytes, KeyRing] = {}
        _log.warning(
            "secrets are encrypted under a passphrase, which can be guessed; use 32-byte keys "
            "(%s) in production",
            KEYS_VARIABLE,
        )

    async def ring(self, salt: bytes) -> KeyRing:
        """Return the key that it makes with a store's salt; takes about 0.1 s, once."""
        if salt not in self._rings:
            self._rings[salt] = await asyncio.to_thread(self._derive, salt)
        return self._rings[salt]

    def _derive(self, salt: bytes) -> KeyRing:
        scrypt = Scrypt(salt=salt, length=KEY_BYTES, n=_SCRYPT_COST, r=8, p=1)
        return KeyRing({"passphrase": scrypt.derive(self._words.encode())})
