"""The store that the settings name; nothing here ever creates one."""

from __future__ import annotations

from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.url import open_storage
from sagaz_tui.secrecy import compliance_of
from sagaz_tui.settings import Settings


def open_existing(settings: Settings, *, read_only: bool) -> SnapshotStorage:
    """Return the store that the settings name, not opened yet."""
    read_only = read_only or settings.read_only
    return open_storage(
        settings.storage_url,
        read_only=read_only,
        compliance=compliance_of(settings, writes=not read_only),
    )


async def check_existing(settings: Settings) -> None:
    """Raise StorageError if the store is not there, which opening for writing would then make."""
    # Without keys: a file of keys may be a pipe, which can be read only once.
    async with open_storage(settings.storage_url, read_only=True):
        pass
