"""Six kilobytes in a store that unpack to 200 MB are refused, and never unpacked.

Without the limit, which no number in a frame can raise, one row of a store would fill the memory
of every program that looks at it; a screen, a command, or a server that replays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

from sagaz_core.errors import CorruptEntryError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.backends.redis.rows import BodyPacker, unpack_body
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.batch_log import unpack_batch
from sagaz_core.storage.chain import Chain, last_state
from sagaz_core.storage.codec import pack
from sagaz_core.storage.difference import compress, decompress, restore
from sagaz_core.storage.meta import unpack_meta, unpack_run
from tests.cli.command import Command
from tests.cli.conftest import command  # noqa: F401
from tests.security.bombs import UNPACKED, bomb, delta, keyframe, little_memory

BOMB = bomb()
LIAR = bomb(declared=UNPACKED)
FIRST = keyframe(compress(ormsgpack.packb([{"a": pack(1)}, {}, [], []])))


def _after_first(body: bytes) -> Any:
    chain = Chain()
    chain.apply(FIRST)
    return chain.apply(body)


def _batch(body: bytes) -> Any:
    return unpack_batch(
        RecordRow(kind="batch", id="b", version=1, saga=None, at=0, expires=None, body=body)
    )


def _run(frame: bytes) -> bytes:
    return b"\x01\x00" + pack([0, *[None] * 10, b"\x01" + frame])


PLACES: dict[str, tuple[Callable[[bytes], Any], Callable[[bytes], bytes]]] = {
    "a first body": (Chain().apply, lambda frame: keyframe(b"\x01" + frame)),
    "a first body read alone": (
        lambda body: last_state([body]),
        lambda frame: keyframe(b"\x01" + frame),
    ),
    "a next body": (_after_first, lambda frame: delta(FIRST, [{"a": [[0, 0, frame]]}])),
    "a next body read alone": (
        lambda body: last_state([FIRST, body]),
        lambda frame: delta(FIRST, [{"a": [[0, 0, frame]]}]),
    ),
    "a body in Redis": (unpack_body, lambda frame: b"z" + frame),
    "a description": (unpack_meta, lambda frame: b"\x01\x01" + frame),
    "a run's description": (unpack_run, _run),
    "a batch's journal": (_batch, lambda frame: b"\x01\x01" + frame),
}


@pytest.mark.parametrize("frame", [BOMB, LIAR], ids=["no size", "declared size"])
@pytest.mark.parametrize("place", PLACES)
def test_it_is_refused_wherever_it_stands(place: str, frame: bytes) -> None:
    """Without it, whoever can write one row ends every program that reads it."""
    read, put_in = PLACES[place]
    stored = put_in(frame)
    with little_memory(), pytest.raises(CorruptEntryError, match=r"larger than any|read"):
        read(stored)


def test_a_size_that_is_a_lie_is_not_believed() -> None:
    """Without it, a frame of nothing could have a gigabyte set aside for it."""
    honest = compress(b"ab" * 5_000)
    # The frame's header: magic number, what follows it, a size in two bytes less 256.
    at = honest.index(b"\x28\xb5\x2f\xfd") + 5
    for lie in (b"\x00\x00", b"\xff\xff"):
        with little_memory(), pytest.raises(ValueError, match="damaged"):
            decompress(honest[:at] + lie + honest[at + 2 :])


def test_a_run_cannot_be_taken_again_and_again() -> None:
    """Without it, six kilobytes that name the same run 2,000 times hold 200 MB without a frame."""
    before = bytes(100_000)
    with little_memory(), pytest.raises(ValueError, match="more than there was"):
        restore(before, [[0, len(before)]] * 2_000)


def test_items_that_are_only_claimed_take_no_memory() -> None:
    """Without it, five bytes that announce four billion items would have room made for them."""
    for claim in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        body = keyframe(b"\x00" + claim)
        with little_memory(), pytest.raises(CorruptEntryError, match="cannot be decoded"):
            Chain().apply(body)


@pytest.mark.parametrize("content", [bytes(3_000_000), b"x" * 3_000_000, b"one\n" * 500_000])
def test_what_compresses_as_well_is_kept_all_the_same(content: bytes) -> None:
    """Without padding, the limit would refuse what somebody has rightly stored."""
    assert decompress(compress(content)) == content
    assert unpack_body(BodyPacker(3).pack(content)) == content
    assert len(compress(content)) < len(content) // 200


@pytest.fixture
async def forged_store(tmp_path: Path) -> Path:
    """A store of a saga as it should be, and one whose first checkpoint is a bomb."""
    path = tmp_path / "sagaz.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for saga_id in ("good", "evil"):
            await storage.save_snapshot(
                SagaSnapshot(saga_id=saga_id, saga_name="S", context={"a": 1})
            )
        row = await storage.backend.saga("evil")
        assert row is not None
        [entry] = await storage.backend.entries("evil", 1, 1)
        forged = entry._replace(body=keyframe(b"\x01" + BOMB))
        assert await storage.backend.replace(row, [forged], expected_head=1)
    return path


def test_a_store_with_one_is_looked_at_in_sentences(
    forged_store: Path,
    command: Command,  # noqa: F811
) -> None:
    """Without it, the saga beside the forged one could not be looked at either."""
    for arguments, code in ((("show", "evil"), 4), (("show", "good"), 0), (("doctor",), 1)):
        done = command(*arguments, "--storage-url", str(forged_store))
        assert done.code == code, done
        assert "Traceback" not in done.err
        assert len(done.err) < 1_000
