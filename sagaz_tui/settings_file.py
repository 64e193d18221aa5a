"""The settings file: ``sagaz.toml``, or ``[tool.sagaz]`` in ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from sagaz_core.errors import UsageError
from sagaz_tui.store_address import anchored, as_url

_Kind = tuple[type | None, type, str]
KINDS: Final[Mapping[str, _Kind]] = {
    "storage_url": (None, str, "a string"),
    "sagas": (list, str, "a list"),
    "factories": (dict, str, "a dictionary"),
    "read_only": (None, bool, "a boolean"),
    "production": (None, str, "a string"),
    "keys": (dict, str, "a dictionary"),
    "theme": (None, str, "a string"),
    "times": (None, str, "a string"),
    "allow": (list, str, "a list"),
    "compliance": (None, dict, "a table"),
}
"""What a settings file may hold: a container and the type in it, or a type alone."""


def find_file(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the file nearest to a folder, in it or above, and what it says.

    Raises:
        UsageError: it cannot be read, or a value is not what it must be.
    """
    for place in (folder, *folder.parents):
        for name in ("sagaz.toml", "pyproject.toml"):
            path = place / name
            if path.is_file():
                document = _read_toml(path)
                if name == "sagaz.toml":
                    return path, _checked(document, path, "")
                section = document.get("tool", {}).get("sagaz")
                if section is not None:
                    return path, _checked(section, path, "tool.sagaz")
    return None, {}


def _read_toml(path: Path) -> dict[str, Any]:
    # Imported here: most programs have no such file.
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def _checked(document: Any, path: Path, section: str) -> dict[str, Any]:
    # By hand: a validating library would take a quarter of the time in which a screen opens.
    if not isinstance(document, dict):
        raise UsageError(f"{path}: {section} must be a dictionary")
    for key, value in document.items():
        place = f"{section}.{key}" if section else key
        if key not in KINDS:
            raise UsageError(f"{path}: unknown setting {place!r}; there are {', '.join(KINDS)}")
        if wrong := _wrong(value, KINDS[key]):
            raise UsageError(f"{path}: {place}{wrong}")
    values = dict(document)
    if "storage_url" in values:
        values["storage_url"] = anchored(as_url(values["storage_url"]), path.parent)
    return values


def _wrong(value: Any, kind: _Kind) -> str:
    """Return where a value is not of its kind, and what it must be; empty: it is."""
    container, item, words = kind
    if not isinstance(value, container or item):
        return f" must be {words}"
    if container is None:
        return ""
    members = value.items() if isinstance(value, dict) else enumerate(cast("list[Any]", value))
    wrong = (f".{place} must be a string" for place, each in members if not isinstance(each, item))
    return next(wrong, "")
