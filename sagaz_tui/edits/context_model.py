"""What a saga's code says of its context: the fields of its ``context_model``, and its checks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagaz_core.errors import SagazError
from sagaz_tui.replaying.planning import in_thread
from sagaz_tui.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class ContextModel:
    """The pydantic model of a saga's context. It is the person's code, so it runs in a thread."""

    model: Any

    @property
    def fields(self) -> tuple[str, ...]:
        """The keys that it knows, as a context has them."""
        fields: Mapping[str, Any] = getattr(self.model, "model_fields", {})
        return tuple(_key(name, field) for name, field in fields.items())

    async def objection(
        self, context: Mapping[str, Any], operations: Iterable[tuple[str, Any]], pointer: str
    ) -> str:
        """Return what it has against the value at a pointer, or against the whole; empty: nothing.

        Args:
            context: the recorded one; not changed.
            operations: pointers with their new values, in order.
            pointer: the place in question. What is wrong elsewhere is not told of here.
        """
        return await in_thread(lambda: self._objection(context, list(operations), pointer))

    def _objection(
        self, context: Mapping[str, Any], operations: list[tuple[str, Any]], pointer: str
    ) -> str:
        from sagaz_core.replay.correction import check_model
        from sagaz_core.replay.overrides import apply_overrides

        try:
            problems = check_model(self.model, apply_overrides(context, operations))
        except SagazError:
            # Who typed the edit that does not fit has been told so already.
            return ""
        here = (each.message for each in problems if _on_one_way(each.path or "", pointer))
        return next(here, "").partition("; correct it")[0]


def _key(name: str, field: Any) -> str:
    alias = getattr(field, "validation_alias", None) or getattr(field, "alias", None)
    return alias if isinstance(alias, str) else name


def _on_one_way(path: str, pointer: str) -> bool:
    return f"{path}/".startswith(f"{pointer}/") or f"{pointer}/".startswith(f"{path}/")


async def find_model(settings: Settings, saga_name: str, code: str) -> ContextModel | None:
    """Return the model of a saga's class, or None: it has none, or its code cannot be had.

    Args:
        settings: name the modules and factories.
        saga_name: the recorded class name.
        code: the recorded ``module:qualname``.
    """

    def find() -> ContextModel | None:
        from sagaz_core.replay.factory import resolve_class
        from sagaz_tui.saga_code.loading import load_code

        try:
            factory = load_code(settings, saga_name, None)
            # What another factory would build is not known before it builds.
            built = factory if inspect.isclass(factory) else None
            saga_class = resolve_class(saga_name, code) if factory is None else built
        except SagazError:
            # The plan says what is wrong with the code.
            return None
        model = getattr(saga_class, "context_model", None)
        return None if model is None else ContextModel(model)

    return await in_thread(find)
