"""What stands in a store, or in an override, is only ever data: read within limits, never run."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import ormsgpack
import pytest

from sagaz_core.errors import CorruptEntryError, OverrideError
from sagaz_core.model import RunInfo, SagaSnapshot, StepInfo
from sagaz_core.replay.overrides import parse_override, read_override
from sagaz_core.storage.backends import SQLiteSnapshotStorage
from sagaz_core.storage.capture import capture
from sagaz_core.storage.chain import Chain, last_state
from sagaz_core.storage.codec import pack, unpack
from sagaz_core.storage.meta import unpack_meta
from sagaz_core.storage.storage import SnapshotStorage
from tests.cli.command import Command
from tests.cli.conftest import command  # noqa: F401
from tests.security.bombs import keyframe

ROOT: Final = Path(__file__).parents[2]
CALLED: Final[list[str]] = []


class Booby:
    """Says so when a pickle makes one."""

    def __reduce__(self) -> Any:
        return _booby, ()


def _booby() -> str:
    CALLED.append("unpickled")
    return "made"


def extension(code: int, content: bytes) -> bytes:
    return b"\xc9" + len(content).to_bytes(4, "big") + bytes([code]) + content


def override(text: str, recorded: Any = None) -> Any:
    return read_override(parse_override(text), {"a": recorded})[1]


@pytest.mark.parametrize("code", [0, 14, 42, 127, 200])
def test_a_tag_that_is_not_ours_makes_nothing(code: int) -> None:
    """Without it, a newer or forged type would be shown as something that it is not."""
    with pytest.raises(ValueError, match=r"ext_hook failed"):
        unpack(extension(code, pickle.dumps(Booby())))


def test_a_pickle_is_bytes_wherever_it_stands() -> None:
    """Without it, whoever can write to the store runs code in every program that reads it."""
    pickled = pickle.dumps(Booby())
    assert pickle.loads(pickled) == "made"
    assert CALLED == ["unpickled"]
    CALLED.clear()
    for code in range(1, 14):
        for content in (pickled, b"\x91" + pickled, pack(pickled)):
            try:
                unpack(extension(code, content))
            except ValueError:
                continue
    for read, stored in ((Chain().apply, keyframe(b"\x00" + pickled)), (unpack_meta, pickled)):
        with pytest.raises(CorruptEntryError):
            read(stored)
    assert unpack(pack(pickled)) == pickled
    assert not CALLED


@pytest.mark.parametrize(
    "nested",
    [b"\x91" * 20_000 + b"\xc0", b"\x81\xa1a" * 20_000 + b"\xc0"],
    ids=["lists", "maps"],
)
def test_twenty_thousand_levels_are_refused(nested: bytes) -> None:
    """Without it, reading them would overflow the stack and end the process without a word."""
    with pytest.raises(ValueError, match="limit"):
        unpack(nested)
    for read in (Chain().apply, lambda body: last_state([body])):
        with pytest.raises(CorruptEntryError):
            read(keyframe(b"\x00" + nested))


def test_levels_of_our_own_types_are_refused_as_well() -> None:
    """Without it, tuples in tuples, each of which begins a count anew, would get past it."""
    nested = b"\xc0"
    for _ in range(2_000):
        nested = extension(1, b"\x91" + nested)
    with pytest.raises(ValueError, match="ext_hook failed"):
        unpack(nested)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_twenty_thousand_levels_in_an_override_are_refused_in_a_sentence(opening: str) -> None:
    """Without it, the replay would end in a traceback, or be recorded as what cannot be read."""
    closing = {"[": "]"}.get(opening, "}")
    text = opening * 20_000 + "1" + closing * 20_000
    with pytest.raises(OverrideError, match="nested more than 200 levels"):
        override(f"a:={text}")
    with pytest.raises(OverrideError, match="nested more than 200 levels"):
        override(f"a:={opening * 300}1{closing * 300}")


def test_a_key_that_is_stored_twice_is_read_the_same_everywhere() -> None:
    """Without it, one reader would be shown the first amount and another charge the second."""
    twice = b"\x82\xa1a" + pack(pack(1)) + b"\xa1a" + pack(pack(2))
    body = keyframe(b"\x00\x94" + twice + b"\x80\x90\x90")
    assert Chain().apply(body).context == {"a": pack(2)}
    assert last_state([body]).context == {"a": pack(2)}
    assert ormsgpack.unpackb(twice) == {"a": pack(2)}


@pytest.mark.parametrize(
    "text", ['{"qty": 1, "qty": 100}', '[{"x": {"qty": 1, "n": 2, "qty": 1}}]']
)
def test_a_key_that_is_twice_in_an_override_is_refused(text: str) -> None:
    """Without it, who checks the first one and who replays the second see different values."""
    with pytest.raises(OverrideError, match="'qty' is there twice"):
        override(f"a:={text}")


async def test_text_that_is_none_is_never_stored(any_storage: SnapshotStorage) -> None:
    """Without it, half a character would make a checkpoint that no reader can decode."""
    snapshot = SagaSnapshot(saga_id="s", saga_name="S", context={"a": ["\ud800"], "\udfff": 1})
    await any_storage.save_snapshot(snapshot)
    context = (await any_storage.get_checkpoint("s", 1)).context
    assert "not valid text" in str(context["a"])
    for packed in (b"\xa3\xed\xa0\x80", b"\xa1\xff", extension(6, b"\xed\xa0\x80")):
        with pytest.raises(ValueError, match=r"UTF-8|ext_hook"):
            unpack(packed)


# ---------------------------------------------------------------- numbers

NUMBERS: Final[dict[str, Any]] = {
    "int": 10**400,
    "negative": -(10**400),
    "digits": 10**5_000,
    "decimal": Decimal("1e999999999"),
    "tiny": Decimal("1e-999999999"),
    "signalling": Decimal("sNaN"),
    "quiet": Decimal("NaN"),
    "infinite": Decimal("-Infinity"),
    "float": float("inf"),
    "nan": float("nan"),
}


def test_numbers_of_400_digits_are_read_in_an_override_or_refused_in_a_sentence() -> None:
    """Without it, 1e999999999 would be written out in a thousand million digits."""
    nines = "9" * 400
    assert override(f"a:={nines}") == int(nines)
    assert override(f"a={nines}", 1) == int(nines)
    assert override(f"a:={nines}", Decimal(1)) == Decimal(nines)
    assert override("a=1e999999999", Decimal(1)) == Decimal("1e999999999")
    for text, recorded in (
        ("a:=1e400", 1.5),
        ("a:=1e999999999", None),
        ("a:=-1e999999999", 1.5),
        (f"a:={nines}", 1.5),
        (f"a:={'9' * 5_000}", 1),
        ('a:={"$timedelta": "1e999999999"}', None),
    ):
        with pytest.raises(OverrideError) as refused:
            override(text, recorded)
        assert len(str(refused.value)) < 600
        assert "sys." not in str(refused.value)


@pytest.fixture
async def numbers(tmp_path: Path) -> Path:
    """A store of a saga whose numbers are at the end of what there is."""
    path = tmp_path / "sagaz.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for turn in range(3):
            context = {**NUMBERS, "all": [{"turn": turn, **NUMBERS}], "turn": turn}
            if turn == 1:
                context["int"] = context["signalling"] = Decimal("sNaN1")
            for saga_id in ("n1", "n2"):
                await storage.save_snapshot(
                    SagaSnapshot(
                        saga_id=saga_id,
                        saga_name="N",
                        status="failed",
                        step_name="s",
                        context=context,
                        results={"s": context["all"]},
                    )
                )
    return path


def test_every_command_shows_and_compares_numbers_at_the_end_of_what_there_is(
    numbers: Path,
    command: Command,  # noqa: F811
) -> None:
    """Without it, one such number, which takes 11 bytes, ends every command that meets it."""
    later = ("--at", "2100-01-01T00:00:00Z")
    for arguments in (
        ("show", "n1"),
        ("diff", "n1", "1", "2"),
        ("diff", "n1", "2", "3"),
        *(("blame", "n1", key) for key in NUMBERS),
        ("compare", "n1", "n2"),
        ("search", "n1", "context.int > 5 || context.decimal > 5 || context.signalling > 5"),
        ("sagas", "--where", "context.turn == 2 && context.float > 1.0"),
        ("replay", "time-travel", "n1", *later),
    ):
        for format in ("text", "json"):
            done = command(*arguments, "--format", format, "--storage-url", str(numbers))
            assert done.code in (0, 1), (arguments, done)
            assert len(done.out) < 200_000
            assert "Traceback" not in done.err


# ---------------------------------------------------------------- names of code

CODES: Final = {
    "s1": ("Popen", "subprocess:Popen"),
    "s2": ("run", "booby_trap:run"),
    "s3": ("system", "os:system"),
}
LOOK_AND_REPLAY: Final = """
import sys
from sagaz_tui.__main__ import run

for saga_id in ("s1", "s2", "s3"):
    assert run(["show", saga_id]) == 0
    assert run(["replay", "run", saga_id, "--from-step", "a"]) == 1
assert "booby_trap" not in sys.modules
"""


async def test_no_name_in_a_store_brings_in_code(tmp_path: Path) -> None:
    """Without it, `code` of a forged row would be imported, and called with the context."""
    (tmp_path / "booby_trap.py").write_text(
        "open('sprung', 'w').close()\n\ndef run(context): ...\n"
    )
    path = tmp_path / "sagaz.db"
    async with SQLiteSnapshotStorage(path) as storage:
        for saga_id, (name, code) in CODES.items():
            snapshot = SagaSnapshot(
                saga_id=saga_id,
                saga_name=name,
                status="executing",
                kind="before_step",
                step_name="a",
                context={"args": ["touch", "sprung"]},
            )
            run = RunInfo(code=code, steps=(StepInfo("a"),))
            writer = storage.writer(saga_id=saga_id, saga_name=name, code=code)
            await writer.append(capture(snapshot), run=run)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LOOK_AND_REPLAY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.count("is defined in this program") == len(CODES)
    assert not (tmp_path / "sprung").exists()
