"""Somebody has the database file, and may write whatever they like into it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sagaz_core import ComplianceConfig
from sagaz_core.compliance.sealed import SIGN
from sagaz_core.errors import CorruptEntryError, DecryptionError, TamperedError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.chain import Chain, State
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.storage import SnapshotStorage

SECRETS = ComplianceConfig(
    enable_encryption=True, sensitive_fields=["card", "pin"], encryption_key=b"k" * 32
)


class Victim:
    """A store of two sagas of four checkpoints each, and an attacker who has its file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def record(self) -> None:
        async with SQLiteSnapshotStorage(self.path, compliance=SECRETS) as storage:
            for saga_id in ("rich", "poor"):
                for number in range(1, 5):
                    await storage.save_snapshot(
                        SagaSnapshot(
                            saga_id=saga_id,
                            saga_name="Order",
                            context={
                                "amount": number,
                                "card": f"card of {saga_id}",
                                "pin": f"pin {number}",
                            },
                        )
                    )

    def attack(self, sql: str, *values: Any) -> int:
        with closing(sqlite3.connect(self.path)) as db, db:
            return db.execute(sql, values).rowcount

    def ask(self, sql: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql, values).fetchall()

    def pk(self, saga_id: str) -> int:
        return int(self.ask("SELECT pk FROM saga WHERE id = ?", saga_id)[0][0])

    def bodies(self, saga_id: str) -> list[bytes]:
        found = self.ask("SELECT body FROM entry WHERE saga = ? ORDER BY seq", self.pk(saga_id))
        return [row[0] for row in found]

    def rewrite(self, saga_id: str, change: Callable[[int, dict[str, bytes]], None]) -> None:
        """Decode a saga's states, change their bytes, and encode them as this program would.

        The checksums are right afterwards, as an attacker who reads our source makes them.
        """
        reading, writing = Chain(), Chain()
        for number, body in enumerate(self.bodies(saga_id), start=1):
            state = reading.apply(body)
            context = dict(state.context)
            change(number, context)
            link = writing.encode(State(context, state.results))
            writing.accept(link)
            self.attack(
                "UPDATE entry SET body = ? WHERE saga = ? AND seq = ?",
                link.body,
                self.pk(saga_id),
                number,
            )

    async def read(self, saga_id: str, number: int) -> dict[str, Any]:
        async with SQLiteSnapshotStorage(self.path, compliance=SECRETS) as storage:
            return (await storage.get_checkpoint(saga_id, number)).context

    @staticmethod
    async def go_through(storage: SnapshotStorage, saga_id: str) -> None:
        async for _ in storage.iter_checkpoints(saga_id):
            pass

    async def verify(self, saga_id: str, compliance: Any = SECRETS) -> str:
        async with SQLiteSnapshotStorage(self.path, compliance=compliance) as storage:
            return (await storage.verify_saga(saga_id)).status


@pytest.fixture
async def victim(tmp_path: Path) -> Victim:
    found = Victim(tmp_path / "s.db")
    await found.record()
    return found


async def test_what_nobody_touched_is_verified_and_without_the_key_it_is_not(
    victim: Victim,
) -> None:
    assert await victim.verify("rich") == "verified"
    assert await victim.verify("rich", None) == "unverified"


async def test_a_value_swapped_between_fields_is_found_out(victim: Victim) -> None:
    """Without it, a card number would be shown and used as a PIN."""

    def swap(number: int, context: dict[str, bytes]) -> None:
        context["card"], context["pin"] = context["pin"], context["card"]

    victim.rewrite("rich", swap)
    with pytest.raises(TamperedError, match="checkpoint 1 of 'rich'"):
        await victim.read("rich", 1)


async def test_a_value_does_not_decrypt_in_another_field_checkpoint_or_saga(
    victim: Victim,
) -> None:
    """Without it, whoever gets around the codes could still move secrets about."""
    poor = Chain().apply(victim.bodies("poor")[0]).context
    async with SQLiteSnapshotStorage(victim.path, compliance=SECRETS) as storage:
        row = await storage.backend.saga("rich")
        assert row is not None
        opener = await storage.opener(row)
        assert opener is not None
        rich = dict(Chain().apply(victim.bodies("rich")[0]).context)
        for moved in (
            {"card": rich["pin"]},
            {"card": poor["card"]},
            {"card": pack(_with_sequence(rich["card"], 2))},
        ):
            values = {key: unpack(packed) for key, packed in moved.items()}
            with pytest.raises(DecryptionError, match="/card of saga 'rich'"):
                opener.open_context(moved, values)


def _with_sequence(packed: bytes, sequence: int) -> Any:
    sealed = unpack(packed)
    return type(sealed)(sequence, sealed.length, sealed.fingerprint, sealed.encrypted)


async def test_a_value_put_back_from_an_older_checkpoint_is_found_out(victim: Victim) -> None:
    """Without it, an old PIN would pass for the one that is valid now."""
    first: dict[str, bytes] = {}

    def put_back(number: int, context: dict[str, bytes]) -> None:
        if number == 1:
            first.update(context)
        elif number == 3:
            context["pin"] = first["pin"]

    victim.rewrite("rich", put_back)
    with pytest.raises(TamperedError, match="checkpoint 3 of 'rich'"):
        await victim.read("rich", 3)


async def test_a_value_of_another_saga_is_found_out(victim: Victim) -> None:
    """Without it, one customer's order could be charged to another's card."""
    poor = Chain().apply(victim.bodies("poor")[0]).context

    def swap(number: int, context: dict[str, bytes]) -> None:
        context["card"] = poor["card"]

    victim.rewrite("rich", swap)
    with pytest.raises(TamperedError, match="checkpoint 1 of 'rich'"):
        await victim.read("rich", 1)


async def test_an_encrypted_value_replaced_by_plain_text_is_found_out(victim: Victim) -> None:
    """Without it, an attacker's own card would be charged in place of the customer's."""

    def strip(number: int, context: dict[str, bytes]) -> None:
        context["card"] = pack("card of the attacker")

    victim.rewrite("rich", strip)
    with pytest.raises(TamperedError):
        await victim.read("rich", 4)


async def test_a_value_that_is_no_secret_is_authenticated_too(victim: Victim) -> None:
    """Without it, the amount to be charged could be altered, being in the clear."""

    def raise_it(number: int, context: dict[str, bytes]) -> None:
        context["amount"] = pack(1_000_000)

    victim.rewrite("rich", raise_it)
    with pytest.raises(TamperedError):
        await victim.read("rich", 2)


async def test_a_marker_forged_in_a_context_opens_nothing(tmp_path: Path) -> None:
    """Without it, whoever can put text into a context could have another's secret opened."""
    async with SQLiteSnapshotStorage(tmp_path / "s.db", compliance=SECRETS) as storage:
        await storage.save_snapshot(
            SagaSnapshot(saga_id="s", saga_name="S", context={"card": "mine"})
        )
        row = await storage.backend.saga("s")
        assert row is not None
        [entry] = await storage.backend.entries("s", 1, 1)
        sealed = Chain().apply(entry.body or b"").context["card"]
        forged = {"note": SIGN + sealed, "text": SIGN.decode("latin-1"), "copy": unpack(sealed)}
        await storage.save_snapshot(
            SagaSnapshot(saga_id="s", saga_name="S", context={"card": "mine", **forged})
        )
        shown = (await storage.masked.get_checkpoint("s", 2)).context
        assert shown["note"] == forged["note"]
        assert shown["text"] == forged["text"]
        with pytest.raises(DecryptionError, match="/copy"):
            shown["copy"].reveal()


async def test_an_entry_removed_in_the_middle_is_found_out(victim: Victim) -> None:
    """Without it, the step that charged twice could be made never to have happened."""
    victim.attack("DELETE FROM entry WHERE saga = ? AND seq = 2", victim.pk("rich"))
    assert await victim.verify("rich") == "tampered"
    with pytest.raises(CorruptEntryError):
        await victim.read("rich", 4)


@pytest.mark.parametrize("row", ["as it was", "one less", "one less and its code"])
async def test_an_entry_removed_at_the_end_is_found_out(victim: Victim, row: str) -> None:
    """Without it, a refund could be made never to have happened, and be made once more."""
    pk = victim.pk("rich")
    [[mac]] = victim.ask("SELECT mac FROM entry WHERE saga = ? AND seq = 3", pk)
    victim.attack("DELETE FROM entry WHERE saga = ? AND seq = 4", pk)
    if row != "as it was":
        victim.attack("UPDATE saga SET head = 3 WHERE pk = ?", pk)
    if row == "one less and its code":
        victim.attack("UPDATE saga SET mac = ? WHERE pk = ?", mac, pk)
    assert await victim.verify("rich") == "tampered"
    async with SQLiteSnapshotStorage(victim.path, compliance=SECRETS) as storage:
        for read in (
            *((lambda: storage.get_checkpoint("rich", 3),) if row != "as it was" else ()),
            lambda: storage.list_snapshots("rich"),
            lambda: victim.go_through(storage, "rich"),
            # Who goes on with it would put a code of the present over it.
            lambda: storage.save_snapshot(SagaSnapshot(saga_id="rich", saga_name="Order")),
        ):
            with pytest.raises(CorruptEntryError, match="of 'rich'"):
                await read()
    assert await victim.verify("rich") == "tampered"


async def test_an_entry_of_an_older_state_is_found_out(victim: Victim) -> None:
    """Without it, an order could be put back to before it was cancelled, and be sent."""
    pk = victim.pk("rich")
    columns = "at, kind, step, meta, body, mac, keyframe"
    three = f"SELECT {columns} FROM entry WHERE saga = ? AND seq = 3"
    older = victim.path.with_name("older.db")
    async with SQLiteSnapshotStorage(older, compliance=SECRETS):
        pass
    shutil.copy(victim.path, older)
    # The same saga goes on, once here and once in a copy, with the same key.
    for path, amount in ((older, 5), (victim.path, 6)):
        async with SQLiteSnapshotStorage(path, compliance=SECRETS) as storage:
            context = {"amount": amount, "card": "card of rich", "pin": "pin 5"}
            await storage.save_snapshot(
                SagaSnapshot(saga_id="rich", saga_name="Order", context=context)
            )
    put = f"UPDATE entry SET ({columns}) = (?, ?, ?, ?, ?, ?, ?) WHERE saga = ? AND seq = ?"
    [row] = Victim(older).ask(three.replace("seq = 3", "seq = 5"), pk)
    whole = victim.path.read_bytes()
    victim.attack(put, *row, pk, 5)
    assert await victim.verify("rich") == "tampered"
    with pytest.raises(TamperedError, match="of 'rich'"):
        await victim.read("rich", 5)
    victim.path.write_bytes(whole)
    assert await victim.verify("rich") == "verified"
    [row] = victim.ask(three, pk)
    victim.attack(put, *row, pk, 4)
    assert await victim.verify("rich") == "tampered"
    with pytest.raises(TamperedError, match="checkpoint 4 of 'rich'"):
        await victim.read("rich", 4)


async def test_an_entry_from_before_its_secrets_were_encrypted_anew_is_found_out(
    victim: Victim,
) -> None:
    """Without it, what was encrypted with a key that leaked could be put back."""
    pk = victim.pk("rich")
    which = "SELECT meta, body, mac FROM entry WHERE saga = ? AND seq = 1"
    [before] = victim.ask(which, pk)
    [[wrapped]] = victim.ask("SELECT wrapped_key FROM saga WHERE pk = ?", pk)
    async with SQLiteSnapshotStorage(victim.path, compliance=SECRETS) as storage:
        for saga_id in ("rich", "poor"):
            await storage.save_snapshot(
                SagaSnapshot(saga_id=saga_id, saga_name="Order", status="completed")
            )
        assert (await storage.rotate_keys(reencrypt=True)).rotated == 2
        assert (await storage.verify_saga("rich")).status == "verified"
    victim.attack(
        "UPDATE entry SET meta = ?, body = ?, mac = ? WHERE saga = ? AND seq = 1", *before, pk
    )
    with pytest.raises(TamperedError, match="checkpoint 1 of 'rich'"):
        await victim.read("rich", 1)
    victim.attack("UPDATE saga SET wrapped_key = ? WHERE pk = ?", wrapped, pk)
    assert await victim.verify("rich") == "tampered"


async def test_entries_in_another_order_are_found_out(victim: Victim) -> None:
    """Without it, a refund could be made to look as if it came before the charge."""
    pk = victim.pk("rich")
    for was, becomes in ((2, 102), (3, 2), (102, 3)):
        victim.attack("UPDATE entry SET seq = ? WHERE saga = ? AND seq = ?", becomes, pk, was)
    assert await victim.verify("rich") == "tampered"


async def test_the_status_of_a_saga_is_authenticated(victim: Victim) -> None:
    """Without it, a failed saga could be made to look completed."""
    victim.attack("UPDATE saga SET status = 'completed' WHERE id = 'rich'")
    assert await victim.verify("rich") == "tampered"


async def test_a_key_taken_from_another_saga_opens_nothing(victim: Victim) -> None:
    """Without it, a saga's history could be put in the place of another's."""
    key, mac = victim.ask("SELECT wrapped_key, mac FROM saga WHERE id = 'poor'")[0]
    victim.attack("UPDATE saga SET wrapped_key = ?, mac = ? WHERE id = 'rich'", key, mac)
    victim.attack("DELETE FROM entry WHERE saga = ?", victim.pk("rich"))
    victim.attack(
        "INSERT INTO entry SELECT ?, seq, keyframe, at, kind, step, randomblob(16), hidden, meta, "
        "body, mac FROM entry WHERE saga = ?",
        victim.pk("rich"),
        victim.pk("poor"),
    )
    with pytest.raises(TamperedError):
        await victim.read("rich", 1)


@pytest.mark.parametrize("column", ["meta", "body", "mac", "snapshot_id"])
async def test_any_byte_of_an_entry_that_is_flipped_is_found_out(
    victim: Victim, column: str
) -> None:
    """Without it, a flipped byte that still decodes would be believed."""
    where = "WHERE saga = ? AND seq = 1"
    pk = victim.pk("rich")
    whole: bytes = victim.ask(f"SELECT {column} FROM entry {where}", pk)[0][0]
    async with SQLiteSnapshotStorage(victim.path, compliance=SECRETS) as storage:
        for index in range(len(whole)):
            flipped = bytearray(whole)
            flipped[index] ^= 1 << index % 8
            victim.attack(f"UPDATE entry SET {column} = ? {where}", bytes(flipped), pk)
            with pytest.raises(CorruptEntryError):
                await storage.get_checkpoint("rich", 1)
        victim.attack(f"UPDATE entry SET {column} = ? {where}", whole, pk)
        assert (await storage.get_checkpoint("rich", 1)).context["card"] == "card of rich"


@pytest.mark.parametrize(
    "change",
    ["at = at + 1", "kind = 3", "kind = 'x'", "step = 'refund'", "mac = NULL", "keyframe = 2"],
)
async def test_what_else_is_in_an_entry_is_authenticated(victim: Victim, change: str) -> None:
    """Without it, an entry could be said to be of another time, or of another step."""
    victim.attack(f"UPDATE entry SET {change} WHERE saga = ? AND seq = 2", victim.pk("rich"))
    assert await victim.verify("rich") == "tampered"
    with pytest.raises(CorruptEntryError, match="checkpoint 2 "):
        await victim.read("rich", 2)
