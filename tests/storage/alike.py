"""The same thing several times over: whatever is asked of one is asked of all, and compared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

from sagaz_core.errors import SagazError
from sagaz_core.storage.backends.rows import FamilyRow

T = TypeVar("T")


class Alike(Generic[T]):
    """One thing of each store: the stores themselves, or a writer or a lease of each."""

    def __init__(self, names: Iterable[str], things: Iterable[T], runner: asyncio.Runner) -> None:
        self.of_each = dict(zip(names, things, strict=True))
        self._runner = runner

    def like(self, things: Iterable[Any]) -> Alike[Any]:
        """Return other things of the same stores, in the same order."""
        return Alike(self.of_each, things, self._runner)

    def ask(self, question: Callable[[T], Awaitable[Any]]) -> Any:
        """Ask each of them, see that they all answer the same, and return the answer.

        An error of ours is an answer too: its type and its words.
        """
        answers = self._runner.run(self._ask_each(question))
        ((first, expected), *others) = answers.items()
        for name, answer in others:
            assert answer == expected, (
                f"{name} differs from {first}: {_difference(answer, expected)}"
            )
        return expected

    async def _ask_each(self, question: Callable[[T], Awaitable[Any]]) -> dict[str, Any]:
        return {name: await _answer(question(each)) for name, each in self.of_each.items()}


async def _answer(asked: Awaitable[Any]) -> Any:
    try:
        return _comparable(await asked)
    except SagazError as error:
        # How many seconds a lease has left is the clock's to say.
        return type(error), re.sub(r"\d+ s after", "a time after", str(error))


def _comparable(answer: Any) -> Any:
    """Leave out what each store's own clock says."""
    if isinstance(answer, FamilyRow):
        return answer.root, answer.fence, answer.owner, answer.holder, answer.held
    if type(answer) in (list, tuple):
        return [_comparable(each) for each in answer]
    return answer


def _difference(answer: Any, expected: Any) -> str:
    """Say what differs, without all that is the same."""
    if (
        type(answer) is type(expected)
        and isinstance(answer, (list, tuple))
        and len(answer) == len(expected)
    ):
        pairs = enumerate(zip(answer, expected, strict=True))
        place, pair = next((place, pair) for place, pair in pairs if pair[0] != pair[1])
        return f"[{place}]{_difference(*pair)}"
    return f" {answer!r} is not {expected!r}"
