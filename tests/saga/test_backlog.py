"""Checkpoints kept in memory: as many as fit, and a gap where some did not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sagaz_core.model import SagaSnapshot, StepRecord
from sagaz_core.saga.backlog import Backlog, Taken
from sagaz_core.storage.capture import Capture, capture


def take(number: int, size: int, before: Capture | None = None) -> Taken:
    """Capture the checkpoint ``number``, whose context has a new value of ``size`` bytes."""
    snapshot = SagaSnapshot(
        saga_id="s",
        saga_name="S",
        label=str(number),
        context={f"k{number}": "x" * size},
        step_records=(StepRecord(str(number), "completed"),),
    )
    return Taken(capture(snapshot, reuse=before), {f"k{number}": str(number)})


def labels(taken: list[Taken]) -> list[str | None]:
    return [one.capture.label for one in taken]


def test_what_fits_comes_back_in_order() -> None:
    backlog = Backlog(max_bytes=10_000)
    for number in range(3):
        backlog.add(take(number, 1_000))
    kept = list(backlog.drain())
    assert labels(kept) == ["0", "1", "2"]
    assert [one.capture.gap for one in kept] == [0, 0, 0]
    assert len(backlog) == 0


def test_the_oldest_go_and_the_next_tells_what_they_would_have_told() -> None:
    backlog = Backlog(max_bytes=3_500)
    for number in range(5):
        backlog.add(take(number, 1_000))
    kept = list(backlog.drain())
    assert labels(kept) == ["2", "3", "4"]
    first = kept[0].capture
    assert first.gap == 2
    assert [record.name for record in first.step_records] == ["0", "1", "2"]
    assert kept[0].causes == {"k0": "0", "k1": "1", "k2": "2"}
    assert kept[1].capture.gap == 0


def test_the_latest_stays_however_large() -> None:
    backlog = Backlog(max_bytes=10)
    backlog.add(take(0, 1_000))
    backlog.add(take(1, 1_000))
    assert labels(list(backlog.drain())) == ["1"]


def test_what_neighbours_share_counts_once() -> None:
    document = "x" * 1_000
    backlog = Backlog(max_bytes=3_000)
    before: Capture | None = None
    for number in range(10):
        snapshot = SagaSnapshot(
            saga_id="s", saga_name="S", label=str(number), context={"document": document}
        )
        before = capture(snapshot, reuse=before)
        backlog.add(Taken(before, {}))
    assert len(backlog) == 10


@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=30), limit=st.integers(1, 2_000))
def test_nothing_is_lost_without_being_told(sizes: list[int], limit: int) -> None:
    backlog = Backlog(max_bytes=limit)
    for number, size in enumerate(sizes):
        backlog.add(take(number, size))
    kept = [one.capture for one in backlog.drain()]
    assert sum(1 + snapshot.gap for snapshot in kept) == len(sizes)
    told = [record.name for snapshot in kept for record in snapshot.step_records]
    assert told == [str(number) for number in range(len(sizes))]
