"""What a store in production asks of whoever acts on it."""

from __future__ import annotations

from sagaz_core.errors import UsageError
from sagaz_tui.settings import Settings


def check_reason(settings: Settings, reason: str | None) -> None:
    """Refuse to act on a production store without a word of why.

    Dry runs and rehearsals change nothing, so they need none and are not asked.

    Raises:
        UsageError: the settings label the store, and there is no reason or a blank one.
    """
    if settings.production and not (reason or "").strip():
        raise UsageError(
            f"{settings.production} is in production, so what runs a saga again "
            "needs a reason; give it with --reason, and it is kept on record"
        )
