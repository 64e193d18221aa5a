"""A store that opens itself, and what every question to it needs."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from sagaz_core.errors import SagaForgottenError, SagaNotFoundError
from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.backends.rows import SagaRow

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.data_key import DataKey
    from sagaz_core.compliance.manager import ComplianceManager
    from sagaz_core.storage.protection import Protection
    from sagaz_core.storage.tombstones import Tombstone
    from sagaz_core.storage.unsealing import StateOpener


class OpenStore:
    """A store that opens itself on first use, and can be used again after it was closed."""

    _masks = False

    def __init__(
        self,
        backend: Backend,
        *,
        read_only: bool,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        self.backend = backend
        self.read_only = read_only
        self._is_open = False
        self._protection: Protection | None = None
        if compliance is not None:
            from sagaz_core.compliance.manager import ComplianceManager
            from sagaz_core.storage.protection import Protection

            if not isinstance(compliance, ComplianceManager):
                compliance = ComplianceManager(compliance)
            self._protection = Protection(backend, compliance)

    @property
    def name(self) -> str:
        """What the store is called in a title: ``orders.db``, ``memory``."""
        return self.backend.name

    async def open(self) -> None:
        """Open the store; raises StorageError. Not needed: first use does it."""
        await self.backend.open(read_only=self.read_only)
        self._is_open = True

    async def close(self) -> None:
        """Give everything back; the store can be used again, and then opens again."""
        if self._is_open:
            self._is_open = False
            await self.backend.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def compliance(self) -> ComplianceManager | None:
        """Which values are secrets, and their keys; None: nothing was said of that."""
        return self._protection.manager if self._protection else None

    def require(self, permission: str) -> None:
        """Raise NotAllowedError unless the settings allow this program to do that.

        Args:
            permission: ``view``, ``reveal``, ``replay`` or ``delete``.
        """
        if self._protection is not None:
            self._protection.manager.require(permission)

    async def opener(self, row: SagaRow) -> StateOpener | None:
        """Return what opens a saga's secrets, or masks them; None: there are none."""
        if row.wrapped_key is None and not (self._masks and self._protection):
            return None
        # It loads the encryption, which most stores never need.
        from sagaz_core.storage.unsealing import opener_of

        return await opener_of(row, self._protection, masks=self._masks)

    async def _reader(self) -> Backend:
        if not self._is_open:
            await self.open()
        return self.backend

    async def _audit_key(self, *, writes: bool) -> DataKey | None:
        """Return the key of the audit trails; None: there is none, or it is not at hand."""
        return None if self._protection is None else await self._protection.audit_key(writes=writes)

    async def _row(self, saga_id: str) -> SagaRow:
        row = await (await self._reader()).saga(saga_id)
        if row is None:
            raise await self._missing(saga_id)
        return row

    async def _missing(self, saga_id: str) -> SagaNotFoundError:
        stone = await self.find_tombstone(saga_id)
        if stone is None:
            return SagaNotFoundError(saga_id)
        at = stone.at.isoformat(sep=" ", timespec="seconds")
        return SagaForgottenError(saga_id, at, stone.by)

    async def find_tombstone(self, saga_id: str) -> Tombstone | None:
        """Return what stands in the place of a saga's family that was forgotten, or None."""
        from sagaz_core.storage.tombstones import tombstone_of

        return await tombstone_of(await self._reader(), saga_id)
