"""Which values are secrets, and what stands for one where it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagaz_core.storage.reading.open_store import OpenStore

if TYPE_CHECKING:
    from sagaz_core.storage.rotating import KeyUse


class SecretReading(OpenStore):
    """Questions about secrets and keys."""

    async def mask(self, path: Sequence[str], value: Any) -> Any:
        """Return a value as whoever looks would see it at a place in a context.

        What is no secret there, and holds none, is returned as it is.
        """
        if self._protection is None:
            return value
        from sagaz_core.storage.unsealing import mask_at

        await self._reader()
        return await mask_at(self._protection, tuple(path), value)

    def strike(self, saga_id: str, text: str) -> str:
        """Return a text without the secrets that a saga has had in this process."""
        if self._protection is None:
            return text
        from sagaz_core.storage.striking import striker_of

        return striker_of(self._protection, saga_id).strike(text)

    async def strike_secrets(self, text: str, *states: Mapping[str, Any]) -> str:
        """Return a text without the secrets that some states hold."""
        if self._protection is None:
            return text
        from sagaz_core.storage.striking import strike_secrets

        await self._reader()
        return await strike_secrets(self._protection, text, states)

    async def list_encrypted(self, saga_id: str, sequence: int) -> list[tuple[str, ...]]:
        """Return the paths of the encrypted values of a checkpoint; a result's begins with its
        step."""
        if (await self._row(saga_id)).wrapped_key is None:
            return []
        from sagaz_core.storage.encrypted_places import encrypted_places

        return await encrypted_places(self.backend, saga_id, sequence)

    async def list_keys(self) -> list[KeyUse]:
        """Return what is wrapped with which key."""
        from sagaz_core.storage.rotating import key_uses

        return await key_uses(await self._reader(), self._protection)
