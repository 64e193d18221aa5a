"""Whatever bytes a decoder is given, it returns something or raises an error of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagaz_core.compliance.data_key import DataKey
from sagaz_core.compliance.keys import KeyRing
from sagaz_core.compliance.sealed import Sealed
from sagaz_core.errors import SagazError
from sagaz_core.model import (
    Attempt,
    BatchLogEntry,
    ReplayLogEntry,
    RunInfo,
    SagaSnapshot,
    StepError,
    StepRecord,
)
from sagaz_core.replay.overrides import parse_override, read_override
from sagaz_core.replay.value_reading import read_json
from sagaz_core.storage.audit_trail import _event_in, _Link, _read, _written
from sagaz_core.storage.backends.rows import RecordRow
from sagaz_core.storage.batch_log import batch_record, unpack_batch
from sagaz_core.storage.capture import capture
from sagaz_core.storage.chain import Chain, State, last_state
from sagaz_core.storage.codec import pack, unpack, unpack_each
from sagaz_core.storage.holding import hold_in
from sagaz_core.storage.meta import (
    pack_meta,
    unpack_meta,
    unpack_run,
)
from sagaz_core.storage.replay_log import pack_replay_log, unpack_replay_log
from sagaz_core.storage.store_secrets import StoreSecrets, _secrets_in, _secrets_out
from sagaz_core.storage.tombstones import tombstone_in
from sagaz_core.storage.wrapped_key import WrappedKey

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
ERROR: Final = StepError("E", "went wrong", "Traceback")


def record(body: bytes, kind: str = "x") -> RecordRow:
    return RecordRow(kind=kind, id="x", version=1, saga=None, at=0, body=body)


def bodies() -> list[bytes]:
    chain, made = Chain(), []
    for number in range(3):
        values = {"n": pack(number), "text": pack("x" * 500 + str(number))}
        link = chain.encode(State(values, {}, ("a",) * number))
        chain.accept(link)
        made.append(link.body)
    return made


def meta() -> bytes:
    attempt = Attempt(1, NOW, 0.5, ERROR)
    snapshot = SagaSnapshot(
        saga_id="s",
        saga_name="S",
        kind="step_failed",
        status="failed",
        step_name="a",
        error=ERROR,
        step_records=(StepRecord("a", "failed", (attempt,), ("x",), ("y",)),),
    )
    return pack_meta(capture(snapshot), row_name="S", run=RunInfo(code="m:S", origins={"a": "s"}))


def log() -> bytes:
    return pack_replay_log(
        ReplayLogEntry(
            replay_id="s~r1",
            original_saga_id="s",
            from_step="a",
            snapshot_id=None,
            sequence=1,
            override=(),
            initiated_by="ada",
            plan={"steps": [{"name": "a", "fate": "runs"}]},
        )
    )


VALUES: Final = [
    {"a": [1, -2.5, None, True, "x"], "b": (1, {2}), "c": Decimal("1.5"), "d": UUID(int=1)},
    [NOW, NOW.date(), NOW.time(), 1 << 90, b"\x00", Sealed(1, 2, b"f" * 16, b"e" * 40)],
]
FIRST, *REST = bodies()

Decoder = tuple[Callable[[bytes], Any], list[bytes], tuple[type[BaseException], ...]]
OURS: Final = (SagazError,)
DECODERS: Final[dict[str, Decoder]] = {
    # What reads values turns ValueError into an error of ours itself.
    "values": (unpack, [pack(value) for value in VALUES], (ValueError,)),
    "each value": (lambda data: unpack_each({"k": data}), [pack(VALUES)], (ValueError,)),
    "first body": (lambda data: Chain().apply(data), [FIRST], OURS),
    "next body": (lambda data: _after_first(data), REST, OURS),
    "latest body": (lambda data: last_state([FIRST, data]), REST[:1], OURS),
    "meta": (unpack_meta, [meta()], OURS),
    "run": (unpack_run, [meta()], OURS),
    "replay log": (unpack_replay_log, [log()], OURS),
    "batch": (
        lambda data: unpack_batch(record(data)),
        [batch_record(BatchLogEntry(batch_id="b", items=(("s", "S", "a", None),)), 1).body],
        OURS,
    ),
    "audit trail": (
        lambda data: [_event_in(link.content) for link in _read(record(data))[0]],
        [_written([_Link(pack(["s", 1, "e", 0, "ada", {}]), False, b"c" * 16)], None)],
        OURS,
    ),
    "hold": (lambda data: hold_in(record(data)), [pack([0, "ada", "why"])], OURS),
    "tombstone": (lambda data: tombstone_in(record(data)), [pack([0, "ada", 1, b"code"])], OURS),
    "store's keys": (
        lambda data: _secrets_in(record(data)),
        [_secrets_out(StoreSecrets(b"s" * 16, b"k" * 32, False))],
        OURS,
    ),
    "wrapped key": (WrappedKey.from_bytes, [WrappedKey(1, b"wrapped").to_bytes()], OURS),
    "key ring": (
        lambda data: KeyRing.parse(data.decode("latin-1")),
        [b"a=" + b"QUFB" * 10 + b"QUE=,b=x"],
        OURS,
    ),
    "encrypted value": (
        lambda data: DataKey(b"k" * 32, b"s").decrypt(data, b"place"),
        [DataKey(b"k" * 32, b"s").encrypt(b"value", b"place")],
        (ValueError,),
    ),
    "override": (
        lambda data: read_override(parse_override(data.decode("latin-1")), {"a": Decimal(1)}),
        [b"a=1.5", b"/a/0:=[1, {}]", b"a:=1e400", b"a:=" + b"[" * 300],
        OURS,
    ),
    "JSON": (lambda data: read_json(data.decode("latin-1"), None), [b'{"a": [1.5, NaN]}'], OURS),
}


def _after_first(data: bytes) -> State:
    chain = Chain()
    chain.apply(FIRST)
    return chain.apply(data)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes as they were written, but for some that were changed, cut out or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        data[at : at + length] = draw(st.binary(max_size=8))
    return bytes(data)


def _check(name: str, examples: int) -> None:
    decode, wholes, errors = DECODERS[name]
    anything = st.one_of(st.binary(max_size=64), *map(damaged, wholes))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(anything)
    def run(data: bytes) -> None:
        with contextlib.suppress(errors):
            decode(data)

    for whole in wholes:
        with contextlib.suppress(errors):
            decode(whole)
    run()


@pytest.mark.parametrize("name", DECODERS)
def test_no_bytes_make_a_decoder_fail_otherwise(name: str) -> None:
    """Without it, one damaged row would end the program of whoever looks at it."""
    _check(name, 600)


@pytest.mark.torture
@pytest.mark.parametrize("name", DECODERS)
def test_no_bytes_do_so_for_ten_minutes(name: str) -> None:
    """Without it, what is damaged in a rarer way would do so."""
    _check(name, 40_000)
