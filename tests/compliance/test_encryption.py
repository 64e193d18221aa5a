"""What is a secret leaves this process encrypted, and comes back as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sagaz_core import ComplianceConfig, ComplianceManager
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.errors import DecryptionError, UsageError
from sagaz_core.model import Masked, SagaSnapshot, StepError
from sagaz_core.storage.backends import (
    InMemorySnapshotStorage,
    RedisSnapshotStorage,
    SQLiteSnapshotStorage,
)
from sagaz_core.storage.storage import SnapshotStorage

FIELDS = ["credit_card", "ssn", "password", "/cards/*/cvv"]
CARD = "4111-1111-1111-1111"
Make = Callable[..., SnapshotStorage]


def secrets(**changes: Any) -> ComplianceConfig:
    given: dict[str, Any] = {
        "enable_encryption": True,
        "sensitive_fields": FIELDS,
        "encryption_key": b"k" * 32,
        **changes,
    }
    return ComplianceConfig(**given)


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Returns the same store again, with other settings."""
    prefix = f"{uuid4()}:"
    made: list[SnapshotStorage] = []

    def again(compliance: ComplianceConfig | ComplianceManager | None) -> SnapshotStorage:
        storage: SnapshotStorage
        if request.param == "memory":
            storage = InMemorySnapshotStorage(compliance=compliance)
            if made:
                storage.backend = made[0].backend
                storage = SnapshotStorage(made[0].backend, compliance=compliance)
        elif request.param == "sqlite":
            storage = SQLiteSnapshotStorage(tmp_path / "s.db", compliance=compliance)
        else:
            url = request.getfixturevalue("redis_url")
            storage = RedisSnapshotStorage(url, prefix, compliance=compliance)
        made.append(storage)
        return storage

    yield again
    for storage in made:
        await storage.close()


def order(**changes: Any) -> SagaSnapshot:
    context: dict[str, Any] = {
        "order_id": "8841",
        "credit_card": CARD,
        "customer": {"name": "Ada", "ssn": "078-05-1120", "born": datetime(1990, 1, 2, tzinfo=UTC)},
        "cards": [{"cvv": 737, "type": "visa"}, {"cvv": Decimal("12.5"), "type": "mc"}],
        "ssn_hint": "ends in 20",
    }
    return SagaSnapshot(saga_id="order_1", saga_name="Order", context={**context, **changes})


async def test_who_has_the_key_gets_every_value_back_with_its_type(make: Make) -> None:
    storage = make(secrets())
    snapshot = order()
    await storage.save_snapshot(snapshot)
    stored = await storage.get_snapshot(snapshot.snapshot_id)
    assert stored is not None
    assert stored.context == snapshot.context
    assert list(stored.context) == list(snapshot.context)
    assert type(stored.context["cards"][1]["cvv"]) is Decimal


async def test_whoever_looks_sees_masks_and_nothing_else_is_masked(make: Make) -> None:
    storage = make(secrets())
    await storage.save_snapshot(order())
    shown = (await storage.masked.get_checkpoint("order_1", 1)).context
    assert shown["order_id"] == "8841"
    assert shown["ssn_hint"] == "ends in 20"
    assert shown["customer"]["name"] == "Ada"
    for masked in (shown["credit_card"], shown["customer"]["ssn"], shown["cards"][0]["cvv"]):
        assert isinstance(masked, Masked)
    card = shown["credit_card"]
    assert f"{card}" == str(card) == repr(card)
    assert str(card).startswith("‹secret 19ch ·")
    assert card.reveal() == CARD
    assert shown["cards"][0]["cvv"].reveal() == 737


async def test_a_secret_that_stays_is_not_a_change_and_equal_ones_look_equal(make: Make) -> None:
    storage = make(secrets())
    await storage.save_snapshot(order())
    await storage.save_snapshot(order(order_id="8842"))
    await storage.save_snapshot(order(credit_card="5", cards=[{"cvv": 737}]))
    changes = await storage.list_changes("order_1")
    assert {(change.key, change.sequence) for change in changes if change.sequence > 1} == {
        ("order_id", 2),
        ("order_id", 3),
        ("credit_card", 3),
        ("cards", 3),
    }
    first, second, third = [
        (await storage.masked.get_checkpoint("order_1", number)).context for number in (1, 2, 3)
    ]
    assert first["credit_card"] == second["credit_card"] != third["credit_card"]
    assert first["cards"][0]["cvv"] == third["cards"][0]["cvv"]
    # After it was closed the writer knows what is stored only by the store.
    await storage.close()
    await storage.save_snapshot(order(credit_card="5", cards=[{"cvv": 737}], order_id="9"))
    changes = await storage.list_changes("order_1", first=4)
    assert {change.key for change in changes} == {"order_id"}


@pytest.mark.parametrize("keys", [None, b"x" * 32])
async def test_without_the_right_key_the_rest_is_readable_and_no_secret_is(
    make: Make, keys: bytes | None
) -> None:
    snapshot = order()
    await make(secrets()).save_snapshot(snapshot)
    other = make(None if keys is None else secrets(encryption_key=keys))
    with pytest.raises(DecryptionError, match="order_1"):
        await other.get_snapshot(snapshot.snapshot_id)
    shown = (await other.masked.get_checkpoint("order_1", 1)).context
    assert shown["order_id"] == "8841"
    assert str(shown["credit_card"]).startswith("‹secret 19ch ·")
    with pytest.raises(DecryptionError, match=r"/credit_card of saga 'order_1'"):
        shown["credit_card"].reveal()


async def test_equal_secrets_look_equal_with_and_without_the_key(make: Make) -> None:
    storage = make(secrets())
    await storage.save_snapshot(order())
    with_key = (await storage.masked.get_checkpoint("order_1", 1)).context["credit_card"]
    without = (await make(None).masked.get_checkpoint("order_1", 1)).context["credit_card"]
    assert with_key == without


async def test_with_a_passphrase_another_process_reads_what_one_wrote(make: Make) -> None:
    snapshot = order()
    await make(secrets(encryption_key="open sesame")).save_snapshot(snapshot)
    stored = await make(secrets(encryption_key="open sesame")).get_snapshot(snapshot.snapshot_id)
    assert stored is not None
    assert stored.context == snapshot.context


async def test_a_ring_reads_what_its_older_key_wrapped_and_names_one_that_it_lacks(
    make: Make,
) -> None:
    old, new = b"o" * 32, b"n" * 32
    snapshot = order()

    def ring(**keys: bytes) -> ComplianceConfig:
        return secrets(encryption_key=None, key_provider=KeyRing(keys))

    await make(ring(old=old)).save_snapshot(snapshot)
    assert await make(ring(new=new, old=old)).get_snapshot(snapshot.snapshot_id)
    with pytest.raises(DecryptionError, match="'old', which is not in the ring"):
        await make(ring(new=new)).get_snapshot(snapshot.snapshot_id)


async def test_encryption_may_begin_in_the_middle_of_a_saga(make: Make) -> None:
    await make(None).save_snapshot(order())
    storage = make(secrets())
    await storage.save_snapshot(order(order_id="8842"))
    await storage.save_snapshot(order(order_id="8843"))
    states = [snapshot.context async for snapshot in storage.iter_checkpoints("order_1")]
    assert [state["credit_card"] for state in states] == [CARD] * 3
    masked = [each.context async for each in storage.masked.iter_checkpoints("order_1")]
    assert [str(state["credit_card"])[:13] for state in masked] == ["‹secret 19ch "] * 3
    assert masked[0]["credit_card"] == masked[1]["credit_card"]


async def test_an_error_that_repeats_a_secret_does_not_tell_it(make: Make) -> None:
    storage = make(secrets())
    error = StepError("Declined", f"card {CARD} cvv 737 of order 17374", f"charge({CARD!r}, 737)")
    snapshot = SagaSnapshot(**{**_fields(order()), "error": error, "status": "failed"})
    await storage.save_snapshot(snapshot)
    stored = await storage.get_snapshot(snapshot.snapshot_id)
    assert stored is not None
    assert stored.error is not None
    assert "of order 17374" in stored.error.message
    for text in (stored.error.message, stored.error.traceback):
        assert CARD not in text
        assert "‹secret 19ch" in text
        assert " 737" not in text
    summary = await storage.get_saga("order_1")
    assert summary is not None
    assert summary.error is not None
    assert CARD not in summary.error


def test_a_mask_shows_no_fingerprint_before_it_is_known() -> None:
    assert str(Masked(16, b"")) == "‹secret 16ch›"


async def test_without_encryption_secrets_are_masked_only_where_they_are_shown(make: Make) -> None:
    storage = make(ComplianceConfig(sensitive_fields=FIELDS))
    await storage.save_snapshot(order())
    assert (await storage.get_checkpoint("order_1", 1)).context == order().context
    shown = (await storage.masked.get_checkpoint("order_1", 1)).context
    assert str(shown["credit_card"]).startswith("‹secret 19ch ·")
    assert shown["credit_card"].reveal() == CARD


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"encryption_key": None}, "give an encryption_key or a key_provider"),
        ({"sensitive_fields": []}, "name some in sensitive_fields"),
        ({"sensitive_fields": ["a", ""]}, "has no name"),
        ({"sensitive_fields": "ssn"}, "is a list of names"),
        ({"encryption_key": b"short"}, "has 5 bytes; a key has 32"),
        ({"encryption_key": ""}, "the passphrase is empty"),
        ({"key_provider": KeyRing({"a": b"a" * 32})}, "not both"),
        ({"encryption_key": None, "key_provider": KeyRing}, "no object with the methods wrap"),
        ({"encryption_key": 7}, "is of type int; give 32 bytes, or a passphrase"),
        ({"sensitive_fields": None}, "is a list of names"),
        ({"sensitive_fields": [1]}, "a sensitive field is 1"),
        ({"allow": "view"}, "allow is a list of permissions"),
    ],
)
def test_settings_that_do_not_fit_together_say_what_to_do(
    changes: dict[str, Any], what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        ComplianceManager(secrets(**changes))


def _fields(snapshot: SagaSnapshot) -> dict[str, Any]:
    return {name: getattr(snapshot, name) for name in SagaSnapshot.__dataclass_fields__}
