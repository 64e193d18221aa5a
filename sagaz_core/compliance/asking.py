"""Asking a key provider, which is somebody's code and may fail in any way."""

from __future__ import annotations

from sagaz_core.compliance.data_key import KEY_BYTES
from sagaz_core.compliance.keys import KeyProvider
from sagaz_core.errors import DecryptionError


async def wrap(provider: KeyProvider, key: bytes) -> bytes:
    """Return a key wrapped; raises DecryptionError, also for whatever the provider raises."""
    try:
        wrapped = await provider.wrap(key)
    except DecryptionError:
        raise
    except Exception as error:
        raise _failed("wrap", error) from error
    return _bytes("wrapped", wrapped)


async def unwrap(provider: KeyProvider, wrapped: bytes) -> bytes:
    """Return the key; raises DecryptionError, also for whatever the provider raises."""
    try:
        key = await provider.unwrap(wrapped)
    except DecryptionError:
        raise
    except Exception as error:
        raise _failed("unwrap", error) from error
    if len(_bytes("unwrapped", key)) != KEY_BYTES:
        raise DecryptionError(
            f"the key provider has unwrapped a key of {len(key)} bytes; it wrapped {KEY_BYTES}"
        )
    return key


def _failed(verb: str, error: Exception) -> DecryptionError:
    return DecryptionError(
        f"the key provider could not {verb} its key ({type(error).__name__}: {error}); try again "
        "when it can"
    )


def _bytes(what: str, given: object) -> bytes:
    if type(given) is not bytes:
        raise DecryptionError(f"the key provider has {what} a key to {type(given).__name__}")
    return given
