"""A chain gives back every state, in few bytes, and never one that was not."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from functools import cache
from typing import Any

import ormsgpack
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.errors import CorruptEntryError
from sagaz_core.storage import difference as differences
from sagaz_core.storage.chain import Chain, DamagedBodyError, State, last_state
from sagaz_core.storage.codec import pack
from sagaz_core.storage.difference import compress, decompress_frame, difference, patch, restore
from sagaz_core.storage.names import Names


@cache
def text(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices(string.ascii_letters, k=length))


def state(context: dict[str, Any], completed: tuple[str, ...] = ()) -> State:
    return State({key: pack(value) for key, value in context.items()}, {}, completed)


def bodies(states: list[State]) -> list[bytes]:
    chain = Chain()
    written = []
    for each in states:
        link = chain.encode(each)
        chain.accept(link)
        written.append(link.body)
    return written


values = st.dictionaries(
    st.sampled_from("abcde"),
    st.binary(max_size=3).flatmap(
        lambda seed: st.sampled_from([seed, seed * 100, b"head" * 50 + seed, seed + b"tail" * 50])
    ),
)
steps = st.lists(st.sampled_from("xyz"), max_size=4).map(tuple)


@given(st.lists(st.builds(State, values, values, steps, steps), max_size=30))
def test_every_state_comes_back(states: list[State]) -> None:
    chain = Chain()
    for each, body in zip(states, bodies(states), strict=True):
        assert chain.apply(body) == each


@given(st.lists(st.builds(State, values, values, steps, steps), min_size=1, max_size=30))
def test_a_state_read_alone_is_the_one_that_the_chain_gives(states: list[State]) -> None:
    written = bodies(states)
    start = 0
    for number, body in enumerate(written):
        if body[0] == written[0][0]:
            start = number
        assert last_state(written[start : number + 1]) == states[number]


def test_a_damaged_body_is_told_by_its_place() -> None:
    written = bodies([state({"n": number, "text": text(0, 2000)}) for number in range(5)])
    damaged = written[3][:-1] + bytes([written[3][-1] ^ 1])
    with pytest.raises(DamagedBodyError, match="checksum") as caught:
        last_state([*written[:3], damaged, written[4]])
    assert caught.value.index == 3
    with pytest.raises(DamagedBodyError, match="checksum") as caught:
        last_state([*written[:3], written[4]])
    assert caught.value.index == 3


@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=60))
def test_a_difference_gives_back_the_value(base: bytes, value: bytes, shared: bytes) -> None:
    for before, after in (
        (base, value),
        (shared * 4 + base, shared * 4 + value),
        (base + shared * 4, value + shared * 4),
        (pack(list(base)), pack([*base, *value])),
    ):
        stored = difference(before, after)
        assert restore(before, stored) == after
        changed = bytearray(before)
        if isinstance(stored, list):
            assert changed == (after if patch(changed, stored) else before)


def test_a_keyframe_comes_after_127_differences_at_the_latest() -> None:
    states = [state({"large": text(0, 100_000), "n": number}) for number in range(600)]
    chain, since, longest = Chain(), 0, 0
    for each in states:
        link = chain.encode(each)
        chain.accept(link)
        since = 0 if link.is_keyframe else since + 1
        longest = max(longest, since)
    assert longest == 127


def test_a_keyframe_comes_when_the_differences_outweigh_it() -> None:
    chain = Chain()
    written = keyframes = 0
    for number in range(200):
        link = chain.encode(state({"a": text(number, 4000)}))
        chain.accept(link)
        keyframes += link.is_keyframe
        written += len(link.body)
    assert keyframes > 60
    assert written < 200 * 4000


def growing(number: int) -> dict[str, Any]:
    return {"items": [text(each, 100) for each in range(number)]}


def nested(number: int) -> dict[str, Any]:
    return {"order": {"id": 7, "items": [text(each, 100) for each in range(number)], "z": 1}}


def one_field(number: int) -> dict[str, Any]:
    fields = {f"f{each}": text(each, 95) for each in range(150)}
    for each in range(number):
        fields[f"f{each * 7 % 150}"] = text(1000 + each, 95)
    return {"document": fields}


@pytest.mark.parametrize("shape", [growing, nested, one_field])
def test_what_grows_or_changes_in_part_takes_few_bytes(
    shape: Callable[[int], dict[str, Any]],
) -> None:
    states = [state(shape(number)) for number in range(400)]
    written = bodies(states)
    plain = sum(len(value) for each in states for value in each.context.values())
    assert sum(map(len, written)) < plain / 15
    chain = Chain()
    assert [chain.apply(body) for body in written] == states


def test_completed_steps_are_stored_as_what_was_added() -> None:
    names = tuple(f"a_step_with_a_long_name_{number}" for number in range(200))
    written = bodies([state({}, names[:number]) for number in range(200)])
    assert sorted(map(len, written))[100] < 60


@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "skip", "form"])
def test_a_damaged_or_misplaced_body_is_found_out(damage: str) -> None:
    states = [state({"document": text(0, 2000) + str(number)}) for number in range(6)]
    written = bodies(states)
    chain = Chain()
    for body in written[:3]:
        chain.apply(body)
    body = written[3]
    broken = {
        "flip": body[:-1] + bytes((body[-1] ^ 1,)),
        "cut": body[:-4],
        "swap": written[4],
        "skip": written[5],
        "form": b"\x09" + body[1:],
    }[damage]
    with pytest.raises(CorruptEntryError):
        chain.apply(broken)
    assert chain.apply(body) == states[3]


def test_a_wrong_dictionary_does_not_decode() -> None:
    base, value = text(1, 3000).encode(), text(1, 1500).encode() + text(2, 1500).encode()[::-1]
    changed = bytearray(value)
    for place in range(0, 3000, 200):
        changed[place : place + 3] = b"..."
    stored = difference(base, bytes(changed))
    assert restore(base, stored) == changed
    with pytest.raises(ValueError, match="damaged"):
        restore(text(9, 3000).encode(), stored)
    with pytest.raises(ValueError, match="more than there was"):
        restore(base[:1000], stored)


def test_a_frame_is_not_believed_about_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "MAX_VALUE_BYTES", 1 << 20)
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 24))
    assert len(bomb) < 2000
    with pytest.raises(ValueError, match="larger than any"):
        decompress_frame(bomb)


def test_what_does_not_compress_is_stored_as_it_is() -> None:
    noise = random.Random(0).randbytes(2000)
    assert len(compress(noise)) == len(noise) + 1


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.sampled_from("xyz"), max_size=3))))
def test_lists_of_steps_that_share_their_beginning_are_each_their_own(
    changes: list[tuple[int, list[str]]],
) -> None:
    begun = ["w"] * 3
    plain: list[list[str]] = [[], begun]
    shared = [Names(), Names.read([3, ormsgpack.packb(begun)])]
    for place, (kept, following) in enumerate(changes):
        # From any of those before, not only from the last one.
        earlier = (place * 7) % len(plain)
        plain.append([*plain[earlier][:kept], *following])
        shared.append(shared[earlier].then(kept, following))
    assert [list(each) for each in shared] == plain
    assert [each[-1:] for each in shared] == [each[-1:] for each in plain]
    assert [len(each) for each in shared] == [len(each) for each in plain]
    assert all(names == tuple(each) for names, each in zip(shared, plain, strict=True))


def test_a_state_far_in_costs_no_copy_of_the_steps_before_for_each_change_on_the_way() -> None:
    many = [f"step_{number}" for number in range(20_000)]
    chain = Chain()
    read = [
        chain.apply(body).completed
        for body in bodies([state({"n": n}, tuple(many[: 19_000 + n])) for n in range(200)])
    ]
    assert [len(names) for names in read] == list(range(19_000, 19_200))
    assert len({id(names._shared) for names in read if isinstance(names, Names)}) <= 2


@pytest.mark.parametrize("count", [0, 1, 499, 501, 3_000])
def test_however_many_steps_there_are_their_names_come_back(count: int) -> None:
    names = tuple(f"step_{number}" for number in range(count))
    states = [State({}, {}, names[: count - 3], names), State({}, {}, names, names[: count // 2])]
    chain = Chain()
    assert [chain.apply(body) for body in bodies(states)] == states
    (body,) = bodies(states[:1])
    chain = Chain()
    chain.apply(body)
    assert chain.encode(states[1]).state == states[1]
