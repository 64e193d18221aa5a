"""Whether the screen may do anything about replays in the store that it looks at."""

from __future__ import annotations

from sagaz_tui.settings import Settings


def why_not(settings: Settings, consequence: str) -> str:
    """Return why it may not, as a sentence with what comes of it; empty: it may."""
    if settings.read_only:
        return f"Opened read-only, so {consequence}; start without --read-only."
    if "replay" not in settings.allow:
        return f"The settings do not allow to replay, so {consequence}."
    return ""
