"""Why a run failed, in words that may be shown."""

from __future__ import annotations

from sagaz_core.model import SagaResult
from sagaz_core.saga.calling import describe_error
from sagaz_core.storage.reader import StoreReader


def error_message(storage: StoreReader, outcome: SagaResult) -> str | None:
    """Return why a run failed, in a line, without the secrets it had; None: it did not fail."""
    if outcome.error is None:
        return None
    headline = describe_error(outcome.error).headline
    message = f"{outcome.failed_step}: {headline}" if outcome.failed_step else headline
    return storage.strike(outcome.saga_id, message)
