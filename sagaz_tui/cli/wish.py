"""What a person asks for who has sagas replayed from the command line: one, or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sagaz_core.replay.overrides import Override
from sagaz_tui.cli.production import check_reason
from sagaz_tui.cli.secret_overrides import ask_secrets, warn_of_secrets
from sagaz_tui.edits.written import collect_overrides
from sagaz_tui.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the options say, as typed."""

    overrides: tuple[str, ...] = ()
    overrides_from: str | None = None
    secrets: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    allow_type: tuple[str, ...] = ()
    reason: str | None = None
    dry_run: bool = False
    simulate: bool = False
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    in_doubt: Literal["retry", "skip"] | None = None
    again: bool = False
    factory: str | None = None

    @property
    def only_looks(self) -> bool:
        """Whether nothing is to be written."""
        return self.dry_run or self.simulate

    def check(self, settings: Settings) -> None:
        """Refuse what the store asks more for, and warn of secrets that others can read.

        Raises:
            UsageError: a production store is to be acted on without a reason.
        """
        if not self.only_looks:
            check_reason(settings, self.reason)
        warn_of_secrets(settings, self.overrides, self.secrets)

    def wanted_overrides(self) -> tuple[Override, ...]:
        """Return all overrides, those of secrets last, for which a person may be asked.

        Raises:
            UsageError: one cannot be read, or there is nobody to ask.
        """
        return (
            *collect_overrides(self.overrides, self.overrides_from),
            *ask_secrets(self.secrets),
        )
