"""Whatever is asked of a saga that was forgotten, the answer is that it was, when and by whom."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sagaz_core import SagaForgottenError, SagaReplay, SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.replay_ids import LONGEST_ROOT, stem
from sagaz_tui.debugger.session import SagaSession
from tests.cli.command import Command

LONG = "x" * (LONGEST_ROOT + 1)

COMMANDS = """
show ID
show ID --reveal /card
diff ID 1 2
blame ID card
compare ID kept
compare kept ID
lineage ID
search ID ctx.card==1
resume ID
export ID -o f.sagaz
export ID --pytest -o test_it.py
hold ID --reason lawsuit
hold ID --release
replay run ID --from-step charge
replay run ID --from-step charge --dry-run
replay time-travel ID --at 2020-01-01T00:00:00Z
replay time-travel ID --at 2020-01-01T00:00:00Z --key card
replay list-changes ID
replay history ID
audit ID
audit verify ID
audit verify ID --head
audit events ID
audit report ID --at 2020-01-01T00:00:00Z
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "sagaz.db"

    async def fill() -> None:
        async with SQLiteSnapshotStorage(path) as storage:
            for saga_id in ("gone", "kept", LONG):
                await storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="Order"))
            await storage.forget(["gone", LONG], by="ada@bastion")

    asyncio.run(fill())
    return path


def test_every_command_says_so_and_ends_with_3(command: Command, store: Path) -> None:
    for line in COMMANDS.strip().splitlines():
        asked = ["gone" if word == "ID" else word for word in line.split()]
        done = command(*asked, "--storage-url", str(store))
        assert (line, done.code, done.out) == (line, 3, "")
        said = (
            r"sagaz: saga 'gone' was forgotten on \d{4}-\d\d-\d\d .* by ada@bastion; nothing .*\n"
        )
        assert re.fullmatch(said, done.err), line
    assert [each.name for each in store.parent.iterdir() if each.suffix in (".py", ".sagaz")] == []


async def test_so_does_the_library_also_for_a_replay_and_what_the_screen_reads_from(
    store: Path,
) -> None:
    async with SQLiteSnapshotStorage(store) as storage:
        for saga_id in ("gone", "gone~r1", LONG, f"{stem(LONG)}~r2"):
            with pytest.raises(SagaForgottenError, match="forgotten on"):
                await storage.get_existing_saga(saga_id)
            with pytest.raises(SagaForgottenError, match="forgotten on"):
                await SagaReplay(saga_id, storage).from_checkpoint("charge", dry_run=True)
            with pytest.raises(SagaForgottenError, match="forgotten on"):
                await SagaSession(storage, saga_id).refresh()
            # To forget it once more is to ask whether the last byte is gone.
            assert (await storage.forget([saga_id], by="ada")).done
        # The id is free again.
        await storage.save_snapshot(SagaSnapshot(saga_id="gone", saga_name="Order"))
        assert (await storage.get_existing_saga("gone")).checkpoints == 1
