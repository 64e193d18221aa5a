"""What every backend must keep, as plain pytest classes.

A stranger's backend is proven like this::

    class TestMyBackend(StorageContract):
        def make_backend(self, place: Path) -> Backend:
            return MyBackend(place)

Two backends made for the same ``place`` must reach the same store.
"""

from __future__ import annotations

from sagaz_core.testing.finding import FindingContract
from sagaz_core.testing.leases import LeaseContract
from sagaz_core.testing.values import ValuesContract
from sagaz_core.testing.writing import WritingContract


class StorageContract(ValuesContract, FindingContract, WritingContract, LeaseContract):
    """The promises of a store; every test is one."""
