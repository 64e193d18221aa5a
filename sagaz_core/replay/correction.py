"""The restored context with its overrides applied, and what is wrong with each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagaz_core.errors import OverrideError
from sagaz_core.model import MISSING, Masked, NotStored, PlannedOverride, PlanProblem
from sagaz_core.replay.overrides import (
    Operation,
    Override,
    apply_overrides,
    read_override,
    type_mismatch,
)
from sagaz_core.replay.pointer import (
    join_pointer,
    key_pointer,
    split_pointer,
    to_pointer,
    value_at,
)
from sagaz_core.replay.value_reading import check_depth
from sagaz_core.storage.capture import detach
from sagaz_core.storage.codec import pack_with_markers


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What a person wants changed in a restored context, however they wrote it.

    Taken in this order: ``values`` by literal top-level key, ``pointers`` by JSON Pointer,
    ``texts`` as written on a command line, and ``unset``, keys or pointers to remove.
    ``allow_type`` names pointers, with all below them, that may change their type.
    """

    values: Mapping[Any, Any] = field(default_factory=dict)
    pointers: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[Override, ...] = ()
    unset: tuple[str, ...] = ()
    allow_type: tuple[str, ...] = ()


@dataclass(slots=True)
class Corrected:
    """A context with every override applied that can be, and a problem for each that cannot."""

    context: dict[str, Any]
    overrides: list[PlannedOverride] = field(default_factory=list)
    problems: list[PlanProblem] = field(default_factory=list)


def correct(
    context: Mapping[str, Any], correction: Correction, steps: Collection[str]
) -> Corrected:
    """Apply a correction to a context, which is not changed.

    ``steps`` are the saga's: their results are read like keys, and cannot be set like them.
    """
    corrected = Corrected(dict(context))
    allowed = [to_pointer(place) for place in correction.allow_type]
    for pointer, value in _operations(correction, corrected):
        before = _before(corrected.context, pointer)
        problem = _problem(pointer, before, value, steps, allowed)
        if problem is None:
            try:
                corrected.context = apply_overrides(corrected.context, [(pointer, value)])
            except OverrideError as error:
                problem = PlanProblem(code="override_path", message=str(error), path=pointer)
        if problem is None or problem.code == "override_type":
            corrected.overrides.append(PlannedOverride(path=pointer, before=before, after=value))
        if problem is not None:
            corrected.problems.append(problem)
    return corrected


def check_size(context: Mapping[str, Any], max_bytes: int) -> list[PlanProblem]:
    """Return a problem for each value that makes the context too large to be recorded."""
    return [
        _not_storable(NotStored(error.path, error.type_name, error.reason))
        for error in detach(context, {}, max_bytes=max_bytes).errors
    ]


def check_model(model: Any, context: Mapping[str, Any]) -> list[PlanProblem]:
    """Return what a saga's pydantic ``context_model`` has against a context."""
    if model is None:
        return []
    from pydantic import ValidationError

    try:
        model.model_validate(dict(context))
    except ValidationError as error:
        return [
            _refused(model, join_pointer(map(str, detail["loc"])), detail["msg"])
            for detail in error.errors(include_url=False, include_input=False)
        ]
    except Exception as error:  # noqa: BLE001 - a validator is somebody's code
        return [_refused(model, "", f"{type(error).__name__}: {error}")]
    return []


def lost_values(values: Mapping[str, Any]) -> list[str]:
    """Return a note for each value that is not in the store and is still missing."""
    return [
        f"{pointer} {_why_lost(marker)}; override it if the steps need it"
        for pointer, marker in _markers(values, "")
    ]


def _operations(correction: Correction, corrected: Corrected) -> Iterator[Operation]:
    for key, value in correction.values.items():
        if isinstance(key, str):
            yield key_pointer(key), value
        else:
            message = f"the override's key {key!r} is no text; a context has text keys"
            corrected.problems.append(PlanProblem(code="override_path", message=message))
    yield from correction.pointers.items()
    for text in correction.texts:
        try:
            yield read_override(text, corrected.context, allow_type=True)
        except OverrideError as error:
            corrected.problems.append(
                PlanProblem(code="override_unreadable", message=str(error), path=text.pointer)
            )
    for place in correction.unset:
        yield to_pointer(place), MISSING


def _before(context: Mapping[str, Any], pointer: str) -> Any:
    try:
        return value_at(context, pointer)
    except OverrideError:
        return MISSING


def _problem(
    pointer: str, before: Any, value: Any, steps: Collection[str], allowed: Collection[str]
) -> PlanProblem | None:
    try:
        tokens = split_pointer(pointer)
    except OverrideError as error:
        return PlanProblem(code="override_path", message=str(error), path=pointer)
    try:
        check_depth(value)
    except OverrideError as error:
        message = f"{pointer}: {error}"
        return PlanProblem(code="override_not_storable", message=message, path=pointer)
    if tokens and tokens[0] in steps:
        return PlanProblem(
            code="step_is_no_context_key",
            message=f"{pointer} is the result of step {tokens[0]!r}, which an override cannot "
            "change; start at that step to run it again",
            path=pointer,
            step=tokens[0],
        )
    if value is MISSING:
        return None
    _, markers = pack_with_markers(value, pointer)
    if markers:
        return _not_storable(markers[0])
    for place, marker in _markers(value, pointer):
        if isinstance(marker, Masked):
            message = f"{place} is the mask of a secret; give its value, as its reveal() has it"
            return PlanProblem(code="override_masked", message=message, path=place)
    return _retyped(pointer, before, value, allowed)


def _retyped(pointer: str, before: Any, value: Any, allowed: Collection[str]) -> PlanProblem | None:
    """Compare with the recorded type, in mappings key by key."""
    if any(pointer == place or pointer.startswith(place + "/") for place in allowed):
        return None
    mismatch = type_mismatch(before, value)
    if mismatch:
        return PlanProblem(
            code="override_type",
            message=f"{pointer} {mismatch}; give that type, or allow another with "
            f"allow_type (--allow-type {pointer})",
            path=pointer,
        )
    if isinstance(before, dict) and isinstance(value, dict):
        for key in sorted(before.keys() & value.keys(), key=str):
            inner = _retyped(pointer + key_pointer(str(key)), before[key], value[key], allowed)
            if inner:
                return inner
    return None


def _not_storable(marker: NotStored) -> PlanProblem:
    return PlanProblem(
        code="override_not_storable",
        message=f"{marker.path} cannot be recorded: {marker.type_name} {marker.reason}; "
        "give plain data",
        path=marker.path,
    )


def _refused(model: Any, pointer: str, reason: str) -> PlanProblem:
    return PlanProblem(
        code="model_refused",
        message=f"{getattr(model, '__name__', model)} refuses {pointer or 'the context'}: "
        f"{reason}; correct it with an override",
        path=pointer,
    )


def _why_lost(marker: NotStored | Masked) -> str:
    if isinstance(marker, Masked):
        return "was masked when it was exported, and the steps would get its mask"
    return f"was not recorded ({marker.type_name}: {marker.reason})"


def _markers(value: Any, pointer: str) -> Iterator[tuple[str, NotStored | Masked]]:
    if isinstance(value, NotStored | Masked):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _markers(item, pointer + key_pointer(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _markers(item, f"{pointer}/{index}")
