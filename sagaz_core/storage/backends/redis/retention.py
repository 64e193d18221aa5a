"""For how long a Redis store keeps a saga, by what its checkpoints ask for and its own limit."""

from __future__ import annotations

from sagaz_core.errors import UsageError
from sagaz_core.storage.times import now_micros


class Retention:
    """What a store with this default says of when a saga expires.

    Args:
        default_ttl: seconds after its latest checkpoint at which a saga expires that asks for
            no retention; none may ask for a longer one. None: such a saga stays for ever.
    """

    def __init__(self, default_ttl: float | None) -> None:
        if default_ttl is not None and default_ttl <= 0:
            raise UsageError("default_ttl must be positive seconds, or None to keep sagas for ever")
        self._ttl = None if default_ttl is None else round(default_ttl * 1_000_000)

    def expires_at(self, retention_until: int | None) -> int | None:
        """Return when a saga expires, as :meth:`Backend.expires_at` says."""
        now = now_micros()
        if retention_until is None:
            return None if self._ttl is None else now + self._ttl
        if retention_until <= now:
            raise UsageError(
                "retention_until is in the past, and Redis would drop the saga at once; give a "
                "later time, or None"
            )
        if self._ttl is not None and retention_until > now + self._ttl:
            raise UsageError(
                f"a retention of {_days(retention_until - now)} is longer than the store's "
                f"default_ttl of {_days(self._ttl)}; shorten retention_days, or raise default_ttl"
            )
        return retention_until


def _days(micros: int) -> str:
    return f"{micros / 86_400_000_000:.4g} days"
