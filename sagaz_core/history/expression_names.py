"""What an expression names: checked against what there is, before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from celpy.evaluation import celstr
from lark import Token, Tree

from sagaz_core.errors import ExpressionError
from sagaz_core.history.expression_values import UnfitError, compile_pattern

VARIABLES: Final = ("context", "ctx", "step", "kind", "status", "seq", "error", "completed")
DEEPEST: Final = 400
"""How deep its parts may be nested, about a dozen for each bracket."""

_CONTEXT: Final = ("context", "ctx")
_CONVERSIONS: Final = ("bool", "int", "uint", "double", "string", "timestamp", "duration")
_FUNCTIONS: Final = ("has", "size", *_CONVERSIONS)
_PARTS_OF_TIMES: Final = (
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getMonth",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getSeconds",
)
_METHODS: Final = ("size", "contains", "startsWith", "endsWith", "matches", *_PARTS_OF_TIMES)
_MACROS: Final = ("all", "exists", "exists_one", "filter", "map")
_NAMED: Final = ("ident", "dot_ident")
_CALLED: Final = ("ident_arg", "dot_ident_arg")

Scope = frozenset[str]


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression names."""

    variables: frozenset[str]
    """Of :data:`VARIABLES`."""
    places: dict[str, str]
    """The context's top-level keys, and where each is first named, in words."""

    @property
    def whole_context(self) -> bool:
        """Whether it looks at the context as a whole too."""
        return not self.variables.isdisjoint(_CONTEXT)

    @property
    def keys(self) -> frozenset[str]:
        """The top-level keys."""
        return frozenset(self.places)


def place_of(line: int | None, column: int | None) -> str:
    """Return a place in an expression in words."""
    return f"column {column}" if line in (None, 1) else f"line {line}, column {column}"


def check_names(tree: Tree[Token]) -> Names:
    """Return what an expression names.

    Raises:
        ExpressionError: it names a variable, function or method that there is not, or is
            nested too deeply; or a pattern is no regular expression.
    """
    places: dict[str, str] = {}
    variables: set[str] = set()
    waiting: list[tuple[Tree[Token], Scope, int]] = [(tree, frozenset(), 0)]
    while waiting:
        part, scope, depth = waiting.pop()
        if depth > DEEPEST:
            raise ExpressionError("the expression is nested too deeply; ask for less at once")
        key = _key(part, scope)
        if key is not None:
            places.setdefault(str(key), place_of(key.line, key.column))
            continue
        if part.data in _NAMED:
            name = _token(part.children[0])
            _check(name, (*VARIABLES, *scope), "name")
            if name not in scope:
                variables.add(str(name))
        waiting += [(inner, inside, depth + 1) for inner, inside in _inner(part, scope)]
    return Names(frozenset(variables), places)


def _inner(part: Tree[Token], scope: Scope) -> Iterator[tuple[Tree[Token], Scope]]:
    """Yield the parts of a part, each with the names that hold in it."""
    if part.data in _CALLED:
        _check(_token(part.children[0]), _FUNCTIONS, "function")
    elif part.data == "member_dot_arg":
        method = _token(part.children[1])
        _check(method, (*_METHODS, *_MACROS), "method")
        if method in _MACROS:
            yield from _macro(part, method, scope)
            return
        if method == "matches":
            _check_pattern(part)
    for child in part.children:
        if isinstance(child, Tree):
            yield child, scope


def _macro(part: Tree[Token], method: Token, scope: Scope) -> Iterator[tuple[Tree[Token], Scope]]:
    arguments = part.children[2].children if len(part.children) > 2 else []  # type: ignore[union-attr]
    variable = _only(arguments[0]) if len(arguments) == 2 else None
    if not (isinstance(variable, Token) and variable.type == "IDENT"):
        raise ExpressionError(
            f"{method}() at {place_of(method.line, method.column)} takes a name and what to ask "
            f"of each item: {method}(item, item > 1)"
        )
    yield part.children[0], scope  # type: ignore[misc]
    yield arguments[1], scope | {str(variable)}  # type: ignore[misc]


def _check_pattern(part: Tree[Token]) -> None:
    pattern = _only(part.children[-1])
    if isinstance(pattern, Token) and pattern.type.endswith("STRING_LIT"):
        try:
            compile_pattern(celstr(pattern))
        except UnfitError as error:
            raise ExpressionError(
                f"{error}, at {place_of(pattern.line, pattern.column)}"
            ) from error


def _key(part: Tree[Token], scope: Scope) -> Token | None:
    """Return the key if a part is ``context.key`` or ``context["key"]``, as a token."""
    if part.data not in ("member_dot", "member_index"):
        return None
    owner, key = _only(part.children[0]), part.children[1]
    if not (isinstance(owner, Token) and owner.type == "IDENT" and owner in _CONTEXT):
        return None
    if owner in scope:
        return None
    if isinstance(key, Token):
        return key
    literal = _only(key)
    if isinstance(literal, Token) and literal.type.endswith("STRING_LIT"):
        return literal.update(value=str(celstr(literal)))
    return None


def _only(part: Any) -> Any:
    """Return the token that a part comes down to, or the part in it that has several."""
    while isinstance(part, Tree) and len(part.children) == 1 and part.data not in _CALLED:
        part = part.children[0]
    return part


def _token(part: Any) -> Token:
    assert isinstance(part, Token)
    return part


def _check(name: Token, known: tuple[str, ...], what: str) -> None:
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ExpressionError(
        f"there is no {what} {str(name)!r}, at {place_of(name.line, name.column)}; {hint}"
    )
