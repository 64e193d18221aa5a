"""Whatever a name holds, it is a name: no part of a query, a key or a pattern."""

from __future__ import annotations

import fnmatch
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import pytest

from sagaz_core.errors import InvalidSagaIdError, SagazError, UsageError
from sagaz_core.model import SagaSnapshot, StepError
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage

IDS: Final = (
    "' OR 1=1 --",
    "'; DROP TABLE saga; --",
    '" OR ""="',
    "%",
    "_",
    "o%",
    "o_1",
    "ox1",
    "*",
    "o*",
    "o?1",
    "[a-z]*",
    "o[x]1",
    "{o}",
    "}{",
    "{}",
    ":",
    "o:saga:o",
    "o}:family",
    "o\\",
    "../../o",
    "o~r1",
    "#{7*7}${7*7}",
    "$2",
    "?1",
    ":id",
    "Ω'",
)
"""Names that mean something to SQL, to Redis, to a shell's pattern, or to a path."""
UNPRINTABLE: Final = (
    "o\n",
    "' OR 1=1 --\n",
    "'; DROP TABLE saga; --\n",
    "o\r\nDEL schema",
    "o\0",
    "\0",
    "o\t",
    "o\x85",
    "o\u2028",
    "\ud800",
)
"""And those that no id may have, as nothing would tell them from others."""
NAMES: Final = (*IDS, *UNPRINTABLE[:-1])


async def save(storage: SnapshotStorage, saga_id: str, name: str, **more: Any) -> None:
    """Store a failed saga, everything in which is called ``name``."""
    snapshot = SagaSnapshot(
        saga_id=saga_id,
        saga_name=name,
        status="failed",
        kind="step_failed",
        step_name=name,
        context={name: name, **more},
        error=StepError(name, name, name),
    )
    tags = {name: name} if name.isprintable() else {}
    await storage.writer(saga_id=saga_id, saga_name=name, tags=tags).append(capture(snapshot))


async def test_no_name_is_part_of_a_query(any_storage: SnapshotStorage) -> None:
    """Without bound values, `' OR 1=1 --` as a filter would list everybody's sagas."""
    saved = {f"saga {number}": name for number, name in enumerate(NAMES)}
    for saga_id, name in saved.items():
        await save(any_storage, saga_id, name)

    async def found(**filters: Any) -> set[str]:
        page = await any_storage.list_sagas(limit=1_000, **filters)
        assert await any_storage.count_sagas("status", **filters) == (
            {"failed": len(page.sagas)} if page.sagas else {}
        )
        return {saved[saga.saga_id] for saga in page.sagas}

    for saga_id, name in saved.items():
        assert await found(step=name) == {name}
        assert await found(name=name) == {each for each in NAMES if _star_matches(name, each)}
        if name.isprintable():
            assert name in await found(error=f"{name}: {name}".lower())
            assert await found(tags={name: name}) == {name}
            assert await found(tags={name: "o"}) == set()
        assert await found(prefix=name) == set()
        assert [touch.key for touch in await any_storage.list_changes(saga_id, key=name)] == [name]
        assert (await any_storage.get_checkpoint(saga_id, 1)).context == {name: name}
    assert await any_storage.count_sagas("name") == dict.fromkeys(NAMES, 1)


def _star_matches(pattern: str, text: str) -> bool:
    """Whether a text is a pattern in which only the star stands for anything."""
    literal = pattern.replace("[", "\0[").replace("?", "[?]").replace("\0[", "[[]")
    return fnmatch.fnmatchcase(text, literal)


async def test_ids_that_mean_something_elsewhere_are_sagas_of_their_own(
    any_storage: SnapshotStorage,
) -> None:
    """Without it, who removes `o_1` or `o*` removes `ox1` too, or the table."""
    for saga_id in IDS:
        await save(any_storage, saga_id, "S", own=saga_id)
    for saga_id in IDS:
        page = await any_storage.list_sagas(prefix=saga_id, limit=1_000)
        assert {saga.saga_id for saga in page.sagas} == {
            each for each in IDS if each.startswith(saga_id)
        }
        context = (await any_storage.get_checkpoint(saga_id, 1)).context
        assert context == {"S": "S", "own": saga_id}
    kept = set(IDS)
    for saga_id in ("o_1", "o*", "%", "*", "'; DROP TABLE saga; --", "[a-z]*", "{}"):
        assert await any_storage.backend.delete([saga_id]) == 1
        kept.remove(saga_id)
        page = await any_storage.list_sagas(limit=1_000)
        assert {saga.saga_id for saga in page.sagas} == kept


async def test_an_id_that_does_not_print_is_refused_and_finds_nothing(
    any_storage: SnapshotStorage,
) -> None:
    """Without it, `o` and `o` with a line's end would look the same, and one pass for the other."""
    await save(any_storage, "o", "S")
    for saga_id in UNPRINTABLE:
        with pytest.raises(InvalidSagaIdError, match="printable"):
            await any_storage.save_snapshot(SagaSnapshot(saga_id=saga_id, saga_name="S"))
        with pytest.raises(UsageError, match="printable characters"):
            any_storage.writer(saga_id="p", saga_name="S", tags={saga_id: "x"})
        with pytest.raises(UsageError, match="printable characters"):
            any_storage.writer(saga_id="p", saga_name="S", tags={"x": saga_id})
        for question in (any_storage.get_saga, any_storage.list_checkpoints):
            try:
                answer = await question(saga_id)
            except SagazError:
                continue
            assert not answer
    assert [saga.saga_id for saga in (await any_storage.list_sagas()).sagas] == ["o"]


@pytest.mark.parametrize(
    "odd",
    ["*", "?", "[ab]", "{", "}", "{}", "a{b}", "a:b:", "'", "\r\nFLUSHALL\r\n", "\n", "%", " "],
)
async def test_a_prefix_of_keys_is_only_a_prefix(redis_url: str, odd: str) -> None:
    """Without it, the store of the prefix `*` would read, or clear, what is everybody's."""
    common = str(uuid4())
    neighbour = RedisSnapshotStorage(redis_url, f"{common}x:")
    store = RedisSnapshotStorage(redis_url, f"{common}{odd}:")
    async with neighbour, store:
        await save(neighbour, "theirs", "S")
        for saga_id in ("o", "o*", "{o}"):
            await save(store, saga_id, "S", own=saga_id)
        assert {saga.saga_id for saga in (await store.list_sagas()).sagas} == {"o", "o*", "{o}"}
        assert (await store.get_checkpoint("o*", 1)).context["own"] == "o*"
        assert await store.backend.delete(["o", "o*", "{o}"]) == 3
        assert [saga.saga_id for saga in (await neighbour.list_sagas()).sagas] == ["theirs"]


@pytest.mark.parametrize("half", ["\ud800", "' OR '\udc80"])
async def test_half_a_character_finds_nothing(any_storage: SnapshotStorage, half: str) -> None:
    """Without it, a byte that is no text, in any filter, would end a command with a traceback."""
    await save(any_storage, "o", "S")
    for filters in ({"name": half}, {"prefix": half}, {"step": half}, {"error": half}):
        with suppress(SagazError):
            assert not (await any_storage.list_sagas(**filters)).sagas
            assert not await any_storage.count_sagas("name", **filters)
    with suppress(SagazError):
        assert not await any_storage.list_changes("o", key=half)
