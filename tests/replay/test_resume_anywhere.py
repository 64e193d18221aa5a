"""A run killed after any of its checkpoints is resumed to the end it would have had."""

from __future__ import annotations

from typing import Any

import pytest

from sagaz_core.config import SnapshotStrategy
from sagaz_core.errors import NotResumableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.replay.replay import SagaReplay
from sagaz_core.storage.storage import SnapshotStorage
from tests.replay.interrupted import WORLD, Chain, Net, run_on_tape

CASES = [
    pytest.param(Chain, {"fails": None}, "before_each_step", id="chain"),
    pytest.param(Chain, {"fails": "d"}, "before_each_step", id="chain that fails"),
    pytest.param(
        Chain, {"fails": "d", "cannot undo": "b"}, "before_each_step", id="chain half undone"
    ),
    pytest.param(Chain, {"fails": None}, "after_each_step", id="chain recorded after"),
    pytest.param(Chain, {"fails": "d"}, "after_each_step", id="failing, recorded after"),
    pytest.param(Chain, {"fails": "d"}, "on_failure", id="failing, recorded on failure"),
    pytest.param(Net, {"fails": None}, "before_each_step", id="graph"),
    pytest.param(Net, {"fails": "e"}, "before_each_step", id="graph that fails"),
    pytest.param(Net, {"fails": "c"}, "before_each_step", id="graph that fails in a branch"),
    pytest.param(Net, {"fails": "d"}, "before_each_step", id="graph that fails at once"),
    pytest.param(Net, {"fails": None}, "after_each_step", id="graph recorded after"),
    pytest.param(Net, {"fails": "c"}, "on_failure", id="graph recorded on failure"),
]


async def end_of(storage: SnapshotStorage) -> SagaSnapshot:
    latest = await storage.get_latest_snapshot("s")
    assert latest is not None
    return latest


def what_counts(end: SagaSnapshot) -> dict[str, Any]:
    return {
        "status": end.status,
        "compensation": end.compensation,
        "context": end.context,
        "results": {name: result["by"] for name, result in end.results.items()},
        "completed": sorted(end.completed_steps),
        "compensated": sorted(end.compensated_steps),
        "error": end.error and (end.error.type, end.error.message),
        "failed step": end.step_name,
    }


@pytest.mark.parametrize(("saga_class", "context", "strategy"), CASES)
async def test_it_ends_as_if_nothing_had_happened(
    saga_class: type[Chain], context: dict[str, Any], strategy: SnapshotStrategy
) -> None:
    tape, world = await run_on_tape(saga_class, context, strategy)
    expected = what_counts(await end_of(SnapshotStorage(tape)))
    moments = tape.moments()
    assert moments
    for moment in moments:
        for left in (moment.at_once, moment.at_the_next):
            WORLD.restore(left)
            storage = SnapshotStorage(moment.tape.left_by_the_dead())
            before = await storage.list_checkpoints("s")
            if strategy == "on_failure" and "step_failed" not in [each.kind for each in before]:
                with pytest.raises(
                    NotResumableError, match="which of its steps have run is not known"
                ):
                    await SagaReplay("s", storage).resume()
                continue
            result = await SagaReplay("s", storage).resume()
            assert result.status == ("success" if context["fails"] is None else "failed")
            end = what_counts(await end_of(storage))
            if expected["status"] == "failed" and saga_class is Net:
                # Which steps had begun when another failed is a matter of time.
                assert end["completed"] == end["compensated"]
                assert (end["status"], end["error"]) == ("failed", expected["error"])
            else:
                assert end == expected
                assert WORLD.done.keys() == world.done.keys()
            assert WORLD.standing == world.standing
            assert (await storage.list_checkpoints("s"))[: len(before)] == before
