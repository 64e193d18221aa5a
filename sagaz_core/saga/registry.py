"""The saga classes that this program has defined: the only ones a replay may choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagaz_core.saga.saga import Saga

_classes: dict[str, type[Saga]] = {}


def code_of(saga_class: type) -> str:
    """Return the name under which a class is recorded: ``module:qualname``."""
    return f"{saga_class.__module__}:{saga_class.__qualname__}"


def register(saga_class: type[Saga]) -> None:
    """Make a class known; one defined again under the same name takes the place of the old."""
    _classes[code_of(saga_class)] = saga_class


def known_sagas() -> list[type[Saga]]:
    """Return every subclass of :class:`Saga` defined so far, in the order of definition."""
    return list(_classes.values())
