"""The sagas that recording is measured with: how each begins, and what its steps do."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Context = dict[str, Any]
Change = Callable[[Any, int], None]
"""What one step, by its number, does to the context."""


@dataclass(frozen=True)
class Aim:
    """What is asked of sagaz, as shares of what plain recording does; None: nothing."""

    speed: float
    """At least this share of its checkpoints a second."""
    bytes: float | None = None
    """At most this share of its bytes a checkpoint."""
    read: float | None = None
    """At most this share of the time in which it reads one checkpoint."""


@dataclass(frozen=True)
class Shape:
    """A kind of saga, how many run, and what is asked of recording them."""

    name: str
    steps: int
    sagas: int
    at_once: int
    start: Callable[[], Context]
    change: Change
    sqlite: Aim
    redis: Aim

    @property
    def is_long(self) -> bool:
        """Whether bytes and reading are of interest too."""
        return self.steps >= 1000


POOL = "".join(random.Random(0).choices(string.ascii_letters + string.digits, k=1 << 20))


def text(length: int) -> str:
    """Return text that does not compress well, at a cost that does not count."""
    start = random.randrange(len(POOL) - length)
    return POOL[start : start + length]


def order() -> Context:
    return {f"field_{number}": text(185) for number in range(10)}


def document() -> Context:
    return {"document": {f"field_{number}": text(95) for number in range(150)}}


def add_key(context: Any, step: int) -> None:
    context[f"key_{step}"] = text(100)


def grow_list(context: Any, step: int) -> None:
    context["items"] = [*context["items"], text(100)]


def edit_document(context: Any, step: int) -> None:
    edited = dict(context["document"])
    edited[f"field_{random.randrange(150)}"] = text(95)
    context["document"] = edited


SHAPES = [
    Shape("20 steps, one after another", 20, 60, 1, order, add_key, Aim(0.5), Aim(0.6)),
    Shape("20 steps, 50 sagas at once", 20, 150, 50, order, add_key, Aim(2.5), Aim(0.8)),
    Shape(
        "2,000 steps, a new key each",
        *(2000, 1, 1, dict, add_key),
        Aim(2.0, 1 / 100, 1.5),
        Aim(2.0),
    ),
    Shape(
        "2,000 steps, a list that grows",
        *(2000, 1, 1, lambda: {"items": []}, grow_list),
        Aim(2.0, 1 / 50, 1.5),
        Aim(2.0),
    ),
    Shape(
        "2,000 steps, one field of 16 KB",
        *(2000, 1, 1, document, edit_document),
        Aim(2.0, 1 / 100, 1.5),
        Aim(2.0),
    ),
]
