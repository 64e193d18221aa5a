"""``sagaz config``: the settings in force, and where each came from."""

from __future__ import annotations

from typing import Any

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption


def show_settings(
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show each setting, its value, and where it came from."""
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.settings import load_settings, mask_url

    settings = load_settings(storage=storage, storage_url=storage_url)
    values: dict[str, Any] = {
        "storage_url": mask_url(settings.storage_url),
        "sagas": list(settings.sagas),
        "factories": dict(settings.factories),
        "read_only": settings.read_only,
        "production": settings.production,
        "keys": dict(settings.keys),
        "theme": settings.theme,
        "times": settings.times,
        "allow": list(settings.allow),
    }
    if format == "json":
        sources = settings.sources
        emit_json({name: {"value": values[name], "from": sources[name]} for name in values})
        return
    rows = [(name, _text(value), settings.sources[name]) for name, value in values.items()]
    emit_rows(("SETTING", "VALUE", "FROM"), rows, format)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {item}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) or "none"
