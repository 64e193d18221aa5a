"""A fingerprint notices that a function's code has changed, and nothing else."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sagaz_core.saga.fingerprint import fingerprint
from sagaz_core.saga.step import Step


def compiled(source: str, name: str = "f") -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)
    function: Callable[..., Any] = scope[name]
    return function


def test_the_same_code_has_the_same_fingerprint_wherever_it_stands() -> None:
    first = compiled("async def f(ctx):\n    return [x + 1 for x in ctx['a']]")
    moved = compiled("\n\n\nasync def f(ctx):\n    return [x + 1 for x in ctx['a']]")
    assert fingerprint(first) == fingerprint(moved)


@pytest.mark.parametrize(
    "source",
    [
        "async def f(ctx):\n    return [x + 2 for x in ctx['a']]",
        "async def f(ctx):\n    return [x + 1 for x in ctx['b']]",
        "async def f(ctx):\n    return [x - 1 for x in ctx['a']]",
        "async def f(ctx):\n    return list(x + 1 for x in ctx['a'])",
    ],
)
def test_other_code_has_another(source: str) -> None:
    first = compiled("async def f(ctx):\n    return [x + 1 for x in ctx['a']]")
    assert fingerprint(first) != fingerprint(compiled(source))


def test_constants_that_are_equal_and_of_other_types_make_a_difference() -> None:
    assert fingerprint(compiled("def f(ctx):\n    return 1")) != fingerprint(
        compiled("def f(ctx):\n    return True")
    )


class Service:
    def charge(self, ctx: Any) -> int:
        return 1

    def __call__(self, ctx: Any) -> int:
        return 2


def test_bound_methods_objects_and_partials_count_by_their_code() -> None:
    assert fingerprint(Service().charge) == fingerprint(Service().charge)
    assert fingerprint(functools.partial(Service().charge)) == fingerprint(Service().charge)
    assert fingerprint(Service()) == fingerprint(Service())
    assert fingerprint(Service()) != fingerprint(Service().charge)
    assert len(fingerprint(print)) == 16


def test_a_steps_fingerprint_covers_its_compensation() -> None:
    service = Service()
    without = Step(name="a", action=service)
    undone = Step(name="a", action=service, compensation=lambda result, ctx: None)
    assert without.fingerprint != undone.fingerprint


def test_it_is_the_same_in_every_process() -> None:
    program = (
        "from sagaz_core.saga.fingerprint import fingerprint\n"
        "def f(ctx):\n"
        "    def g(): return ctx['k'] in {'a', 'b', 'c', 'd'}\n"
        "    return g()\n"
        "print(fingerprint(f))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "123"
    }
    assert len(seen) == 1
