"""Lines of the replay log as earlier versions wrote them."""

from __future__ import annotations

from sagaz_core.model import ReplayLogEntry
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.replay_log import pack_replay_log, unpack_replay_log


def test_a_line_from_before_calls_had_ids_is_read() -> None:
    entry = ReplayLogEntry(
        replay_id="a~r1", original_saga_id="a", from_step="charge", snapshot_id=None, sequence=2
    )
    stored = pack_replay_log(entry)
    older = stored[:1] + pack(unpack(stored[1:])[:13])
    assert unpack_replay_log(older) == entry
