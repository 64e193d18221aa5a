"""What every backend must keep, as plain pytest classes.

A stranger's backend is proven like this::

    class TestMyBackend(StorageContract):
        def make_backend(self, place: Path) -> Backend:
            return MyBackend(place)

        async def make_too_new(self, place: Path) -> None:
            ...

Two backends made for the same ``place`` must reach the same store, also from two processes. A
store that lives in one process, and so knows no other version of itself either, keeps a
:class:`VolatileStorageContract` instead.

The tests need pytest, pytest-asyncio in its ``auto`` mode, and hypothesis.
"""

from __future__ import annotations

from sagaz_core.testing.cancelling import CancellingContract
from sagaz_core.testing.duplicates import DuplicateContract
from sagaz_core.testing.expiry import ExpiryContract
from sagaz_core.testing.families import FamilyContract
from sagaz_core.testing.filters import FilterContract
from sagaz_core.testing.following import FollowingContract
from sagaz_core.testing.hiding import HidingContract
from sagaz_core.testing.holds import HoldContract
from sagaz_core.testing.isolation import IsolationContract
from sagaz_core.testing.keys import KeyContract
from sagaz_core.testing.leases import LeaseContract
from sagaz_core.testing.opening import OpeningContract
from sagaz_core.testing.order import OrderContract
from sagaz_core.testing.outline import OutlineContract
from sagaz_core.testing.paging import PagingContract
from sagaz_core.testing.processes import ProcessContract
from sagaz_core.testing.reading_only import ReadingOnlyContract
from sagaz_core.testing.records import RecordContract
from sagaz_core.testing.replacing import ReplacingContract
from sagaz_core.testing.round_trip import RoundTripContract
from sagaz_core.testing.scrubbing import ScrubbingContract
from sagaz_core.testing.secrets import SecretContract
from sagaz_core.testing.two_writers import TwoWritersContract
from sagaz_core.testing.values import ValuesContract
from sagaz_core.testing.versions import FormVersionContract, SchemaVersionContract
from sagaz_core.testing.writing import WritingContract


class VolatileStorageContract(
    ValuesContract,
    RoundTripContract,
    IsolationContract,
    OrderContract,
    PagingContract,
    OutlineContract,
    FilterContract,
    HidingContract,
    ExpiryContract,
    HoldContract,
    ScrubbingContract,
    WritingContract,
    DuplicateContract,
    CancellingContract,
    TwoWritersContract,
    LeaseContract,
    FamilyContract,
    KeyContract,
    ReplacingContract,
    SecretContract,
    ReadingOnlyContract,
    FollowingContract,
    RecordContract,
    OpeningContract,
    FormVersionContract,
):
    """The promises of a store that is gone with its process; every test is one."""


class StorageContract(ProcessContract, VolatileStorageContract, SchemaVersionContract):
    """The promises of a store; every test is one."""
