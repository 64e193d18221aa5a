"""What is common to all replays of a batch, and the corrections of single sagas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from sagaz_core.replay.overrides import Override

_CHOSEN_ANEW: Final = frozenset({"in_doubt"})
"""What may be another for those who go on with a batch than it was for who began it."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How the sagas of a batch are replayed; see :meth:`SagaReplay.from_checkpoint`."""

    from_step: str | None = None
    """None: each from its failed step."""
    context_override: Mapping[str, Any] = field(default_factory=dict)
    override_at: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    unset: tuple[str, ...] = ()
    allow_type: tuple[str, ...] = ()
    saga_overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    """By saga id, applied after those that all have."""
    compensated: Literal["redo", "keep", "refuse"] = "redo"
    in_doubt: Literal["retry", "skip"] | None = None
    again: bool = False

    def arguments(self, saga_id: str) -> dict[str, Any]:
        """Return the arguments of ``from_checkpoint`` for one saga."""
        return {
            "context_override": self.context_override,
            "override_at": self.override_at,
            "overrides": (*self.overrides, *self.saga_overrides.get(saga_id, ())),
            "unset": self.unset,
            "allow_type": self.allow_type,
            "compensated": self.compensated,
            "in_doubt": self.in_doubt,
            "again": self.again,
        }

    def data(self) -> dict[str, Any]:
        """Return them as plain data, as the journal keeps them; values keep their types."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "context_override": dict(self.context_override),
            "override_at": dict(self.override_at),
            "overrides": _texts_out(self.overrides),
            "unset": list(self.unset),
            "allow_type": list(self.allow_type),
            "saga_overrides": {
                saga_id: _texts_out(texts) for saga_id, texts in self.saga_overrides.items()
            },
        }

    def differing(self, begun: BatchOptions) -> list[str]:
        """Return what is set here and is something else in the options of a batch begun."""
        unset = BatchOptions()
        return [
            each.name
            for each in fields(self)
            if each.name not in _CHOSEN_ANEW
            and getattr(self, each.name)
            not in (getattr(unset, each.name), getattr(begun, each.name))
        ]


def options_from(data: Mapping[str, Any]) -> BatchOptions:
    """Return the options that a journal keeps."""
    return BatchOptions(
        **{
            **data,
            "overrides": _texts_in(data["overrides"]),
            "unset": tuple(data["unset"]),
            "allow_type": tuple(data["allow_type"]),
            "saga_overrides": {
                saga_id: _texts_in(texts) for saga_id, texts in data["saga_overrides"].items()
            },
        }
    )


def _texts_out(texts: tuple[Override, ...]) -> list[list[str]]:
    return [[text.pointer, text.operator, text.raw] for text in texts]


def _texts_in(texts: list[list[Any]]) -> tuple[Override, ...]:
    return tuple(Override(pointer, operator, raw) for pointer, operator, raw in texts)
