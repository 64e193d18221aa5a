"""The user's own code, imported because the user named it: in the settings or by a flag."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Mapping

from sagaz_core.errors import SagaFactoryError, UsageError
from sagaz_core.replay.factory import SagaFactory, load_factory
from sagaz_tui.saga_code.changed import fresh_code
from sagaz_tui.settings import Settings


def load_code(settings: Settings, saga_name: str, factory: str | None) -> SagaFactory | None:
    """Import the modules that define sagas, and return what builds this one.

    Args:
        settings: name the modules, and factories by the class name of a saga.
        saga_name: the class name of the saga to build.
        factory: ``package.module:name`` given by a flag; it beats the settings.

    Returns:
        The factory; None: nobody named one, so the saga's class is used.

    Raises:
        UsageError: a module cannot be imported, or has no such factory.
    """
    with fresh_code(settings.code_folders):
        _import_sagas(settings)
        chosen = factory or settings.factories.get(saga_name)
        return None if chosen is None else _load(chosen)


def load_all_code(
    settings: Settings, factory: str | None
) -> SagaFactory | Mapping[str, SagaFactory]:
    """Import the modules that define sagas, and return what builds sagas of any class.

    Args:
        settings: as for :func:`load_code`.
        factory: ``package.module:name`` given by a flag, for all; it beats the settings.

    Returns:
        The factory of the flag, or those of the settings by class name; a saga of no such name
        is built by its class.

    Raises:
        UsageError: a module cannot be imported, or has no such factory.
    """
    with fresh_code(settings.code_folders):
        _import_sagas(settings)
        if factory is not None:
            return _load(factory)
        return {name: _load(chosen) for name, chosen in settings.factories.items()}


def _import_sagas(settings: Settings) -> None:
    for folder in reversed(settings.code_folders):
        if str(folder) not in sys.path:
            sys.path.insert(_after_pythons_own(), str(folder))
    for name in settings.sagas:
        _import(name, settings.sources["sagas"])


def _after_pythons_own() -> int:
    """Return where in the search path a folder comes before what is installed.

    Not before Python's own modules: a `json.py` that lies there by chance is not theirs.
    """
    own = (sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED"))
    return max((at for at, place in enumerate(sys.path, 1) if place in own), default=0)


def _load(chosen: str) -> SagaFactory:
    try:
        return load_factory(chosen)
    except SagaFactoryError as error:
        raise UsageError(str(error)) from error


def _import(name: str, source: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever the user's module raises
        raise UsageError(
            f"cannot import {name!r}, named as sagas in {source}: {type(error).__name__}: {error}"
        ) from error
