"""Striking known secrets out of free text: an error's message often repeats what it was given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from sagaz_core.compliance.replacing import Path, replace_inside
from sagaz_core.model import Masked, NotStored, StepError, StepRecord
from sagaz_core.storage.capture import Capture, Detached, detach
from sagaz_core.storage.codec import unpack
from sagaz_core.storage.protection import Protection
from sagaz_core.storage.unsealing import have_fingerprints, mask
from sagaz_core.storage.written_forms import written_forms

_REMEMBERED: Final = 1000
"""Secrets of one saga that are remembered, the latest."""
_SAGAS: Final = 1000
_WORD: Final = 4
"""Secrets shorter than this are struck only where they stand alone: ``42`` is in many numbers."""


class Striker:
    """Knows the secrets that one saga has had, and takes them out of texts.

    Args:
        protection: which values are secrets.
    """

    def __init__(self, protection: Protection) -> None:
        self._protection = protection
        self._masks: dict[str, str] = {}
        self._unread: list[bytes] = []

    def note(self, packed: bytes) -> None:
        """Get to know a secret by its bytes."""
        self._unread.append(packed)
        del self._unread[:-_REMEMBERED]

    def learn(self, capture: Capture | Detached) -> None:
        """Get to know the secrets of a state."""
        fields = self._protection.fields
        for packed_values in (capture.context, capture.results):
            for key, packed in packed_values.items():
                if fields.hold((key,)):
                    self._learn_value(unpack(packed))
                elif fields.may_be_inside(key, packed):
                    replace_inside(unpack(packed), (key,), self._found)

    def _found(self, value: Any, path: Path) -> Any:
        if not self._protection.fields.hold_value(path, value):
            return value
        self._learn_value(value)
        return None

    def _learn_value(self, value: Any) -> None:
        for leaf in _leaves(value):
            shown = str(mask(self._protection, leaf))
            for form in written_forms(leaf):
                self._masks[form] = shown

    def strike(self, text: str) -> str:
        """Return a text with a mask in the place of each known secret."""
        for packed in self._unread:
            self._learn_value(unpack(packed))
        self._unread = []
        if not self._masks:
            return text
        longest_first = sorted(self._masks, key=len, reverse=True)
        pattern = "|".join(_pattern(secret) for secret in longest_first)
        return re.sub(pattern, lambda match: self._masks[match.group()], text)

    def strike_capture(self, capture: Capture) -> Capture:
        """Return a capture with the known secrets struck out of its texts."""
        has_errors = any(
            attempt.error for each in capture.step_records for attempt in each.attempts
        )
        if capture.error is None and capture.label is None and not has_errors:
            return capture
        self.learn(capture)
        return capture._replace(
            error=self._error(capture.error),
            label=capture.label and self.strike(capture.label),
            step_records=tuple(map(self._record, capture.step_records)),
        )

    def _error(self, error: StepError | None) -> StepError | None:
        if error is None:
            return None
        return StepError(error.type, self.strike(error.message), self.strike(error.traceback))

    def _record(self, record: StepRecord) -> StepRecord:
        if not any(attempt.error for attempt in record.attempts):
            return record
        attempts = [replace(each, error=self._error(each.error)) for each in record.attempts]
        return replace(record, attempts=tuple(attempts))


async def strike_secrets(
    protection: Protection, text: str, states: Iterable[Mapping[str, Any]]
) -> str:
    """Return a text without the secrets that states hold, which may be recorded nowhere."""
    await have_fingerprints(protection)
    striker = Striker(protection)
    for state in states:
        striker.learn(detach(state, {}))
    return striker.strike(text)


def striker_of(protection: Protection, saga_id: str) -> Striker:
    """Return what knows the secrets that a saga has had in this process."""
    strikers = protection.strikers
    if saga_id not in strikers:
        strikers[saga_id] = Striker(protection)
    strikers.move_to_end(saga_id)
    while len(strikers) > _SAGAS:
        strikers.popitem(last=False)
    return strikers[saga_id]


def _pattern(secret: str) -> str:
    pattern = re.escape(secret)
    return pattern if len(secret) >= _WORD else rf"(?<!\w){pattern}(?!\w)"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        parts: Iterable[Any] = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        if value is not None and not isinstance(value, bool | Masked | NotStored):
            yield value
        return
    for part in parts:
        yield from _leaves(part)
