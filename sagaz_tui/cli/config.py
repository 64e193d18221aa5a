"""``sagaz config``: the settings in force, and where each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagaz_tui.cli.options import FormatOption, StorageOption, StorageUrlOption

if TYPE_CHECKING:
    from sagaz_core.compliance.config import ComplianceConfig


def show_settings(
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Show each setting, its value, and where it came from; of the keys for secrets the ids."""
    from sagaz_tui.cli.output import emit_json, emit_rows
    from sagaz_tui.secrecy import compliance_of, where_keys_are
    from sagaz_tui.settings import load_settings
    from sagaz_tui.store_address import mask_url

    settings = load_settings(storage=storage, storage_url=storage_url)
    compliance = compliance_of(settings, writes=False)
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
        "compliance": dict(settings.compliance),
        "encryption_keys": _key_ids(compliance),
    }
    sources = {**settings.sources, "encryption_keys": where_keys_are(settings) or "default"}
    if format == "json":
        emit_json({name: {"value": values[name], "from": sources[name]} for name in values})
        return
    rows = [(name, _text(value), sources[name]) for name, value in values.items()]
    emit_rows(("SETTING", "VALUE", "FROM"), rows, format)


def _key_ids(compliance: ComplianceConfig | None) -> list[str]:
    if compliance is None:
        return []
    ids = list(getattr(compliance.key_provider, "ids", ()))
    return ids if compliance.encryption_key is None else ["passphrase"]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "none"
