"""An expression over checkpoints in CEL, checked before it runs and stopped when it runs away.

The language's library is imported with this module, and by nothing else.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from celpy import Environment, celtypes
from celpy.celparser import CELParseError
from celpy.evaluation import Activation, CELEvalError, Evaluator
from lark import Token, Tree

from sagaz_core.errors import ExpressionError
from sagaz_core.history.expression_names import Names, check_names, place_of
from sagaz_core.history.expression_values import (
    Budget,
    TooMuchError,
    UnfitError,
    functions,
    to_cel,
    type_name,
)
from sagaz_core.model import SagaSnapshot, Status

LONGEST: Final = 2_000
"""Characters that an expression may have."""


class Unanswered(Exception):  # noqa: N818 - it is an answer: that there is none
    """The expression cannot be answered of a checkpoint; the message says why."""


class Expression:
    """One expression, evaluated of one checkpoint after another; never in two threads at once.

    Raises:
        ExpressionError: it does not parse, or names what there is not; the message has the place.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.budget = Budget()
        tree = _parse(text)
        self._names: Names = check_names(tree)
        self._program = _Program(tree, self.budget)

    @property
    def keys(self) -> frozenset[str]:
        """The top-level keys of the context that it names."""
        return self._names.keys

    @property
    def asks_for_steps(self) -> bool:
        """Whether it looks at the steps that are complete: in a long saga they are many."""
        return "completed" in self._names.variables

    def place(self, key: str) -> str:
        """Return where it first names a key, in words."""
        return self._names.places[key]

    def holds(self, snapshot: SagaSnapshot, status: Status | None = None) -> bool:
        """Return whether it is true of a checkpoint; what is not there makes it false.

        Args:
            snapshot: the checkpoint.
            status: what ``status`` is to be instead of the checkpoint's.

        Raises:
            Unanswered: a value is not of a type that it can take, or what it gives is neither
                true nor false.
            ExpressionError: it takes too long, or makes too much.
        """
        try:
            variables = self._variables(snapshot, status)
            with self.budget.counted():
                answer = self._program.evaluate(variables)
        except CELEvalError as error:
            return _without_answer(error)
        except TooMuchError as error:
            raise ExpressionError(
                f"the expression {error} at checkpoint #{snapshot.sequence} of saga "
                f"{snapshot.saga_id!r}; ask less of large lists at once"
            ) from error
        except RecursionError as error:
            raise ExpressionError(_TOO_DEEP) from error
        if not isinstance(answer, celtypes.BoolType):
            raise Unanswered(f"it gives {type_name(answer)}, and not true or false")
        return bool(answer)

    def _variables(self, snapshot: SagaSnapshot, status: Status | None) -> dict[str, Any]:
        state = snapshot.state
        if not self._names.whole_context:
            state = {key: state[key] for key in self.keys if key in state}
        context = to_cel(state)
        return {
            "context": context,
            "ctx": context,
            "step": to_cel(snapshot.step_name or ""),
            "kind": to_cel(snapshot.kind),
            "status": to_cel(status or snapshot.status),
            "seq": to_cel(snapshot.sequence),
            "error": to_cel(snapshot.error.headline if snapshot.error else ""),
            "completed": to_cel(snapshot.completed_steps if self.asks_for_steps else []),
        }


def _parse(text: str) -> Tree[Token]:
    if len(text) > LONGEST:
        raise ExpressionError(
            f"an expression has at most {LONGEST} characters; this one has {len(text)}"
        )
    limit = sys.getrecursionlimit()
    try:
        return Environment().compile(text)
    except CELParseError as error:
        raise ExpressionError(_parse_words(text, error)) from error
    except RecursionError as error:
        raise ExpressionError(_TOO_DEEP) from error
    finally:
        # The library raises it for the whole process.
        sys.setrecursionlimit(limit)


def _parse_words(text: str, error: CELParseError) -> str:
    token = getattr(error.__context__, "token", None)
    if not text.strip() or (isinstance(token, Token) and token.type == "$END"):
        return f"the expression {text!r} ends too early; {_EXAMPLE}"
    where = place_of(error.line, error.column)
    if error.line is None or error.column is None:
        return f"the expression {text!r} cannot be read; {_EXAMPLE}"
    line = text.splitlines()[error.line - 1]
    what = str(token) if isinstance(token, Token) else line[error.column - 1 : error.column]
    return f"the expression cannot be read at {where}, where it says {what!r}; {_EXAMPLE}"


_TOO_DEEP: Final = "the expression is nested too deeply; ask for less at once"
_EXAMPLE: Final = "write it as context.amount > 100 && step == 'charge'"


def _without_answer(error: CELEvalError) -> bool:
    """Return False where something was not there; raise what else stands against an answer."""
    kind = error.args[1] if len(error.args) > 1 else None
    details = error.args[2] if len(error.args) > 2 else None
    if kind in (KeyError, IndexError) or (kind is TypeError and details is None):
        # No such key or place; the last is a key asked of what has none, such as null.
        return False
    if kind is UnfitError and details:
        raise Unanswered(str(details[0])) from error
    reasons = {ZeroDivisionError: "it divides by zero", ValueError: "a value is out of range"}
    raise Unanswered(
        reasons.get(kind, "a value is not of the type that it is taken for")  # type: ignore[arg-type]
    ) from error


# ---------------------------------------------------------------- running it


class _Program:
    """The expression, ready to be evaluated of many checkpoints."""

    def __init__(self, tree: Tree[Token], budget: Budget) -> None:
        self._tree = tree
        self._budget = budget
        self._functions = functions(budget)

    def evaluate(self, variables: dict[str, Any]) -> Any:
        activation = Activation(functions=self._functions)
        return _Bounded(self._tree, activation, self._budget).evaluate(variables)


class _Bounded(Evaluator):
    """Evaluates as the library does, and looks at the clock at each part and each item."""

    def __init__(self, ast: Tree[Token], activation: Activation, budget: Budget) -> None:
        super().__init__(ast, activation)
        self._budget = budget

    def sub_evaluator(self, ast: Tree[Token]) -> Evaluator:
        return _Bounded(ast, self.activation, self._budget)

    def evaluate(self, context: Any = None) -> Any:
        self._budget.spend()
        return super().evaluate(context)

    def visit_children(self, tree: Tree[Token]) -> list[Any]:
        self._budget.spend()
        return list(super().visit_children(tree))
