"""What goes in comes out, with its types."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from sagaz_core.model import (
    Attempt,
    NotStored,
    RunInfo,
    StepError,
    StepInfo,
    StepRecord,
)
from sagaz_core.storage.capture import capture
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.testing.base import T0, ContractBase, hence, snapshot

EVERY_TYPE: dict[str, Any] = {
    "none": None,
    "truth": True,
    "int": 42,
    "big": -(10**40),
    "float": 0.1,
    "infinite": math.inf,
    "text": "naïve 🚚 \x1b[31m",
    "list": [1, [2, {"three": 3}]],
    "dict": {"nested": {"deep": []}, "": "empty key"},
    "tuple": (1, (2, "b"), [3]),
    "set": {1, "a"},
    "frozenset": frozenset({(1, 2)}),
    "bytes": b"\x00\xff",
    "naive": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "aware": datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "date": date(2024, 2, 29),
    "time": time(12, 30),
    "timedelta": timedelta(days=-1, microseconds=1),
    "decimal": Decimal("99.90"),
    "uuid": UUID(int=7),
}


class ValuesContract(ContractBase):
    """What goes in comes out, with its types."""

    async def test_every_type_comes_back_as_it_went_in(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context=EVERY_TYPE, results={"a": (1, Decimal(2))}))
        found = await storage.get_latest_snapshot("saga")
        assert found is not None
        assert found.context == EVERY_TYPE
        assert {key: type(value) for key, value in found.context.items()} == {
            key: type(value) for key, value in EVERY_TYPE.items()
        }
        assert found.context["aware"].utcoffset() == timedelta(hours=5, minutes=30)
        assert str(found.context["decimal"]) == "99.90"
        assert found.results == {"a": (1, Decimal(2))}

    async def test_nan_comes_back_as_nan(self, storage: SnapshotStorage) -> None:
        await storage.save_snapshot(snapshot(context={"x": math.nan}))
        found = await storage.get_checkpoint("saga", 1)
        assert math.isnan(found.context["x"])

    async def test_an_error_whose_message_is_no_valid_text_is_kept_with_escapes(
        self, storage: SnapshotStorage
    ) -> None:
        error = StepError("OSError", "no file /tmp/\udcff", "raise OSError('\udcff')")
        await storage.save_snapshot(snapshot(kind="step_failed", error=error))
        found = await storage.get_checkpoint("saga", 1)
        assert found.error == StepError(
            "OSError", "no file /tmp/\\udcff", "raise OSError('\\udcff')"
        )
        saga = await storage.get_saga("saga")
        assert saga is not None
        assert saga.error == "OSError: no file /tmp/\\udcff"

    async def test_all_of_a_snapshot_comes_back(self, storage: SnapshotStorage) -> None:
        error = StepError("ValueError", "no", "Traceback …")
        saved = snapshot(
            kind="step_failed",
            status="executing",
            step_index=3,
            context={"a": 1},
            results={"b": [2]},
            completed_steps=["a", "b"],
            running_steps=["c"],
            compensated_steps=["b"],
            compensation="failed",
            error=error,
            attempts=3,
            label="here",
            step_records=(
                StepRecord(
                    "c",
                    "failed",
                    (Attempt(1, T0, 0.25, error), Attempt(2, T0 + timedelta(1), 1.5)),
                    ("read",),
                    ("set",),
                    ("conflict",),
                ),
            ),
            gap=2,
            created_at=T0,
            retention_until=hence(days=30),
        )
        assert await storage.save_snapshot(saved) == 1
        expected = replace(saved, sequence=1)
        assert await storage.get_snapshot(saved.snapshot_id) == expected
        assert await storage.get_checkpoint("saga", 1) == expected
        (line,) = await storage.list_checkpoints("saga")
        for name in line.__slots__:
            if name != "running_steps":
                assert getattr(line, name) == getattr(expected, name), name
        assert line.running_steps == ("c",)

    async def test_what_is_known_of_the_run_comes_back(self, storage: SnapshotStorage) -> None:
        run = RunInfo(
            code="shop:Order",
            app_version="1.2",
            host="h",
            pid=7,
            steps=(
                StepInfo("a"),
                StepInfo("b", ("a",), "f00d", True, compensated=True, compensation="undo_b"),
            ),
            origins={"a": "saga"},
            kept=("a",),
            strategy="after_each_step",
        )
        writer = storage.writer(saga_id="saga", saga_name="S", code=run.code)
        await writer.append(capture(snapshot()), run=run)
        await writer.append(capture(snapshot()))
        assert await storage.get_run("saga") == run
        await storage.save_snapshot(snapshot("other"))
        assert await storage.get_run("other") == RunInfo()

    async def test_what_cannot_be_stored_is_named_by_path_and_type(
        self, storage: SnapshotStorage
    ) -> None:
        await storage.save_snapshot(snapshot(context={"cart": {"blob": object()}, "n": 1}))
        found = await storage.get_checkpoint("saga", 1)
        marker = found.context["cart"]["blob"]
        assert isinstance(marker, NotStored)
        assert (marker.path, marker.type_name) == ("/cart/blob", "object")
        assert found.context["n"] == 1

    async def test_a_long_history_reads_back_at_every_point(self, storage: SnapshotStorage) -> None:
        document = {"fields": {str(n): "x" * 20 for n in range(100)}}
        history: list[dict[str, Any]] = []
        grown: list[str] = []
        for number in range(600):
            document["fields"][str(number % 100)] = f"value {number}"
            grown.append(f"item {number} of some length that is worth compressing")
            context = {"document": document, "grown": grown, f"key{number % 7}": number}
            history.append(
                {
                    "document": {"fields": dict(document["fields"])},
                    "grown": list(grown),
                    f"key{number % 7}": number,
                }
            )
            await storage.save_snapshot(snapshot(step=f"s{number}", context=context))
        for number in (0, 1, 2, 127, 128, 254, 255, 256, 257, 300, 511, 512, 598, 599):
            found = await storage.get_checkpoint("saga", number + 1)
            assert found.context == history[number], number
        sequence = 0
        async for found in storage.iter_checkpoints("saga"):
            assert found.context == history[sequence]
            sequence += 1
            assert found.sequence == sequence
        assert sequence == 600

    async def test_completed_steps_are_kept_however_they_change(
        self, storage: SnapshotStorage
    ) -> None:
        history = [["a"], ["a", "b"], ["b"], ["b", "c", "d"], []]
        for completed in history:
            await storage.save_snapshot(snapshot(completed_steps=completed))
        for sequence, completed in enumerate(history, start=1):
            found = await storage.get_checkpoint("saga", sequence)
            assert found.completed_steps == completed
