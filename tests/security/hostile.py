"""A store in which every name and every value tries to act on the terminal that shows it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sagaz_core.model import (
    Attempt,
    PlannedOverride,
    ReplayLogEntry,
    RunInfo,
    SagaSnapshot,
    StepError,
    StepInfo,
    StepRecord,
    utc_now,
)
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage

ATTACKS: Final = {
    "fills the clipboard (OSC 52)": "\x1b]52;c;ZXZpbA==\x07",
    "is a link (OSC 8)": "\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\",
    "names the window (OSC 0)": "\x1b]0;owned\x07",
    "clears the screen (CSI)": "\x1b[2J\x1b[H",
    "the same in 8 bits (C1)": "\x9b2J\x9d52;c;ZXZpbA==\x9c\x90\x98\x85",
    "defines a key (DCS)": "\x1bP1;1|17/726d202d7266\x1b\\",
    "asks what the terminal then types": "\x1b[6n\x1b[c\x1bZ\x05",
    "goes back over what was said": "\r\x08\x08\x7f\x0b\x0c",
    "begins another line": "\r\nsagaz: all is well\t!",
    "runs backwards": "\u202eabc\u2066def\u2069\u200f",
    "is not seen": "\u200b\u200d\ufeff\u2060\u00ad\U000e0041",
    "prints nothing": "\u3164\ufe0f\u034f\U000e0100",
    "is wide": "漢字👩‍👩‍👧",
    "is markup": "[@click=app.quit]x[/][link=http://evil]y[/link][red]z[/red][on red]",
    "holds no character": "\x00\x1a",
}
EVIL: Final = "".join(ATTACKS.values())
"""All of it in one name, and in one value."""
PRINTING_NOTHING: Final = frozenset(ATTACKS["prints nothing"])
PRINTED: Final = "'; =[@click=app.quit]x[/]漢👩[link=http://evil]y[/link]"
"""What of it may stand in an id and a tag."""


async def record_hostile(storage: SnapshotStorage, *saga_ids: str) -> None:
    """Store failed sagas, everything in which that can be said by somebody says it all."""
    error = StepError(f"E{EVIL}", EVIL, f'Traceback\n  File "{EVIL}", line 1\n{EVIL}')
    record = StepRecord(EVIL, "failed", (Attempt(1, utc_now(), 0.5, error),), (EVIL,), (EVIL,))
    run = RunInfo(
        code=f"m:{EVIL}",
        app_version=EVIL,
        host=EVIL,
        strategy=EVIL,
        steps=(StepInfo(EVIL), StepInfo(f"b{EVIL}")),
    )
    for saga_id in saga_ids:
        writer = storage.writer(
            saga_id=saga_id, saga_name=f"S{EVIL}", code=f"m:{EVIL}", tags={PRINTED: PRINTED}
        )
        for turn in range(3):
            snapshot = SagaSnapshot(
                saga_id=saga_id,
                saga_name=f"S{EVIL}",
                kind="step_failed" if turn else "before_step",
                status="failed" if turn == 2 else "executing",
                step_name=EVIL,
                label=EVIL,
                context={EVIL: f"{EVIL}{turn}", "deep": {EVIL: [EVIL, turn]}, saga_id: EVIL},
                results={f"b{EVIL}": EVIL} if turn else {},
                completed_steps=[f"b{EVIL}"] if turn else [],
                error=error if turn else None,
                step_records=(record,) if turn else (),
            )
            await writer.append(capture(snapshot), run=run)
    for number in (1, 2):
        await storage.save_replay_log(_log(saga_ids[0], f"{saga_ids[0]}~r{number}"))


def _log(saga_id: str, replay_id: str) -> ReplayLogEntry:
    return ReplayLogEntry(
        replay_id=replay_id,
        original_saga_id=saga_id,
        from_step=EVIL,
        snapshot_id=EVIL,
        sequence=1,
        override=(PlannedOverride(path=f"/{EVIL}", before=EVIL, after=EVIL),),
        initiated_by=EVIL,
        reason=EVIL,
        request_id=EVIL,
        error_message=EVIL,
        outcome="failed",
        plan={"steps": [{"name": EVIL, "fate": EVIL}], EVIL: EVIL},
    )


async def hostile_file(path: Path) -> Path:
    """Write such a store to a file, and into one row an id that nobody could give."""
    async with SQLiteSnapshotStorage(path) as storage:
        await record_hostile(storage, "o1", "o2", f"o{PRINTED}", "forged")
        await storage.hold("o2", by=EVIL, reason=EVIL)
        await storage.record_event("o1", "revealed", by=EVIL, details={EVIL: EVIL})
    with closing(sqlite3.connect(path)) as db, db:
        for column, value in (("id", f"forged{EVIL}"), ("root", f"forged{EVIL}")):
            db.execute(f"UPDATE saga SET {column} = ? WHERE id LIKE 'forged%'", (value,))
    return path
