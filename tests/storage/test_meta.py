"""What is known of a checkpoint without its context, as it was stored at any time."""

from __future__ import annotations

from sagaz_core.model import RunInfo, StepInfo
from sagaz_core.storage.meta import unpack_run

WITHOUT_NAMES = bytes.fromhex(
    "01009c00c0c0c0c0c0c0c0c0c0c0c4280097aa73686f703a4f72646572a3312e32a168079195a772657365727665c0a466303064c3c38090"
)
"""A first entry from before the names of compensation functions were stored."""


def test_a_run_recorded_without_the_names_of_its_compensations_is_still_read() -> None:
    reserve = StepInfo("reserve", None, "f00d", idempotent=True, compensated=True)
    assert unpack_run(WITHOUT_NAMES) == RunInfo("shop:Order", "1.2", "h", 7, (reserve,), {}, ())
