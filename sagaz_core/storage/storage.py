"""The public face of a store: everything recorded goes in and comes out here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagaz_core.storage.backends.base import Backend
from sagaz_core.storage.writing.checkpoints import CheckpointWriting
from sagaz_core.storage.writing.removing import Removing
from sagaz_core.storage.writing.secrets import SecretWriting

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig
    from sagaz_core.compliance.manager import ComplianceManager


class SnapshotStorage(CheckpointWriting, Removing, SecretWriting):
    """A store of recorded sagas, over a backend.

    It opens itself on first use, can be used again after it was closed, and may serve several
    event loops, one after another. What it returns is a copy; times are in UTC.

    Args:
        backend: where the rows are kept.
        read_only: refuse every write with :class:`ReadOnlyStoreError`, here in the core.
        compliance: which values are secrets, and the keys they are encrypted with.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        read_only: bool = False,
        compliance: ComplianceConfig | ComplianceManager | None = None,
    ) -> None:
        super().__init__(backend, read_only=read_only, compliance=compliance)
