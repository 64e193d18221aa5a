"""Gets one secret of a saga for who asks to see it, and puts that on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagaz_tui.settings import Settings

SECONDS = 10.0
"""For how long it is shown."""


async def reveal_secret(
    settings: Settings, saga_id: str, sequence: int, path: tuple[str | int, ...]
) -> Any:
    """Return the secret at a place in a checkpoint.

    The store is opened for writing by itself: a screen only looks.

    Raises:
        SagazError: the settings or the store forbid it, or its key is not at hand.
    """
    from sagaz_core.process import process_owner
    from sagaz_core.replay.pointer import join_pointer, value_at
    from sagaz_tui.stores import open_existing

    place = tuple(map(str, path))
    async with open_existing(settings, read_only=False) as store:
        shown = await store.reveal(saga_id, [place], by=process_owner())
        snapshot = await shown.get_checkpoint(saga_id, sequence, steps=False)
        return value_at(snapshot.state, join_pointer(place))
