"""The failure of a run that another process recorded."""

from __future__ import annotations

from sagaz_core.errors import SagazError
from sagaz_core.model import StepError


class RecordedFailureError(SagazError):
    """Stands for the exception that failed a run before it was interrupted.

    Attributes:
        recorded: that exception, as it was recorded.
    """

    def __init__(self, recorded: StepError) -> None:
        super().__init__(recorded.headline)
        self.recorded = recorded
