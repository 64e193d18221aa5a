"""Secrets on the way out of a store: decrypted for who acts, masked for who looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sagaz_core.compliance.data_key import WrongKeyError
from sagaz_core.compliance.replacing import Path, replace_inside
from sagaz_core.compliance.sealed import SIGN, Sealed
from sagaz_core.errors import DecryptionError
from sagaz_core.model import MISSING, Masked
from sagaz_core.storage.backends.rows import SagaRow
from sagaz_core.storage.capture import Packed
from sagaz_core.storage.codec import escape_pointer, pack, unpack
from sagaz_core.storage.protection import Protection, text_length
from sagaz_core.storage.saga_key import SagaKey
from sagaz_core.storage.sealing import CONTEXT, RESULTS, place_of

Openers = Callable[[SagaRow], Awaitable["StateOpener | None"]]
"""Returns what opens a saga's states; None: they hold no secrets."""


class StateOpener:
    """Opens one saga's states. Made by :func:`opener_of`.

    Args:
        saga_id: the saga.
        protection: which values are secrets.
        key: the saga's; None: it has none, or it is not at hand.
        missing: why the key is not at hand.
        masks: give a mask for each secret instead of the value.
    """

    def __init__(
        self,
        saga_id: str,
        protection: Protection | None,
        key: SagaKey | None,
        missing: DecryptionError | None,
        *,
        masks: bool,
    ) -> None:
        self.key = key
        self.revealed: frozenset[Path] = frozenset()
        """Where secrets are given as they are all the same."""
        self.given: set[Path] = set()
        """Where that was done."""
        self._saga_id = saga_id
        self._protection = protection
        self._missing = missing
        self._masks = masks

    def open_context(self, packed: Packed, values: dict[str, Any]) -> dict[str, Any]:
        """Return a context with its secrets opened or masked.

        Args:
            packed: the values' bytes by key.
            values: the values; those that hold no secrets are taken as they are.

        Raises:
            DecryptionError: one cannot be decrypted, and it is not only to be masked.
        """
        return self._open(CONTEXT, packed, values)

    def open_results(self, packed: Packed, values: dict[str, Any]) -> dict[str, Any]:
        """Return results likewise."""
        return self._open(RESULTS, packed, values)

    def _open(self, side: int, packed: Packed, values: dict[str, Any]) -> dict[str, Any]:
        fields = self._protection.fields if self._protection and self._masks else None
        return {
            key: self._value(side, key, value)
            if SIGN in packed[key]
            or (fields and (fields.hold((key,)) or fields.may_be_inside(key, packed[key])))
            else value
            for key, value in values.items()
        }

    def _value(self, side: int, key: str, value: Any) -> Any:
        def found(part: Any, path: Path) -> Any:
            sealed = isinstance(part, Sealed)
            if not sealed and not self._hides(part, path):
                return part
            if path in self.revealed:
                self.given.add(path)
            elif self._masks:
                return self._mask(side, part, path)
            return self._decrypted(side, path, part) if sealed else part

        return replace_inside(value, (key,), found)

    def _hides(self, part: Any, path: Path) -> bool:
        """Whether a value that is stored as it is should be masked."""
        return (
            self._masks
            and self._protection is not None
            and not isinstance(part, Masked)
            and self._protection.fields.hold_value(path, part)
        )

    def _mask(self, side: int, part: Any, path: Path) -> Masked:
        if isinstance(part, Sealed):
            reveal = partial(self._revealed, side, path, part)
            return Masked(part.length, part.fingerprint, reveal)
        assert self._protection is not None
        return mask(self._protection, part)

    def _revealed(self, side: int, path: Path, sealed: Sealed) -> Any:
        if self._protection is not None:
            self._protection.manager.require("reveal")
        return self._decrypted(side, path, sealed)

    def _decrypted(self, side: int, path: Path, sealed: Sealed) -> Any:
        if self.key is None:
            raise DecryptionError(
                f"{pointer_to(path)} of saga {self._saga_id!r} cannot be decrypted: {self._missing}"
            )
        place = place_of(self._saga_id, side, path, sealed.sequence)
        try:
            return unpack(self.key.key.decrypt(sealed.encrypted, place))
        except (WrongKeyError, ValueError) as error:
            raise DecryptionError(
                f"{pointer_to(path)} of saga {self._saga_id!r} cannot be decrypted: it was {error}"
            ) from error


def pointer_to(path: Path) -> str:
    """Return a path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{escape_pointer(token)}" for token in path)


async def opener_of(
    row: SagaRow, protection: Protection | None, *, masks: bool
) -> StateOpener | None:
    """Return what opens a saga's states; None: there is nothing to open or mask."""
    if row.wrapped_key is None:
        if not masks or protection is None or not protection.fields:
            return None
        await have_fingerprints(protection)
        return StateOpener(row.saga_id, protection, None, None, masks=True)
    if protection is None:
        missing = DecryptionError("its key is not at hand; give the keys of the store")
        return StateOpener(row.saga_id, None, None, missing, masks=masks)
    await have_fingerprints(protection)
    try:
        key = await protection.opened_key(row.saga_id, row.wrapped_key)
    except DecryptionError as error:
        return StateOpener(row.saga_id, protection, None, error, masks=masks)
    return StateOpener(row.saga_id, protection, key, None, masks=masks)


def without_key(saga_id: str) -> StateOpener:
    """Return what refuses the encrypted values of a saga that has no key any more."""
    missing = DecryptionError("its key is gone from the store")
    return StateOpener(saga_id, None, None, missing, masks=False)


def mask(protection: Protection, value: Any) -> Masked:
    """Return the mask of a value that is at hand."""

    def reveal() -> Any:
        protection.manager.require("reveal")
        return value

    return Masked(text_length(value), protection.fingerprint(pack(value)), reveal)


async def mask_at(protection: Protection, path: Path, value: Any) -> Any:
    """Return a value as whoever looks would see it at a place in a context."""
    await have_fingerprints(protection)

    def found(part: Any, place: Path) -> Any:
        hides = protection.fields.hold_value(place, part) and part is not MISSING
        return mask(protection, part) if hides and not isinstance(part, Masked) else part

    return replace_inside(value, path, found)


async def have_fingerprints(protection: Protection) -> None:
    """Have what masks need, as far as the keys at hand go."""
    try:
        await protection.ready(writes=False)
    except DecryptionError:
        # Fingerprints then hold for this process only; encrypted values have theirs with them.
        return
