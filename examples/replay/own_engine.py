"""A plain asyncio function, which knows nothing of sagas, is recorded, fails and is replayed.

python examples/replay/own_engine.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from sagaz_core import SagaRecorder, SagaReplay
from sagaz_core.storage.backends import SQLiteSnapshotStorage

RATES = {"EUR": 1.08}


async def fetch(report: dict[str, Any]) -> int:
    """Collect the sales of a day."""
    print("    fetching the sales, which takes all night")
    report["sales"] = [1200, 450, 80]
    return len(report["sales"])


async def convert(report: dict[str, Any]) -> float:
    """Convert them to dollars."""
    print(f"    converting {len(report['sales'])} sales from {report['currency']}")
    return float(sum(report["sales"]) * RATES[report["currency"]])


async def send(report: dict[str, Any]) -> None:
    """Send the report."""
    print(f"    sent to {report['to']}")


STEPS = {"fetch": fetch, "convert": convert, "send": send}


async def nightly_report(
    report: dict[str, Any], recorder: SagaRecorder, first: str = "fetch"
) -> None:
    """Do the steps from ``first`` on. The recorder is all that was added to it."""
    names = list(STEPS)
    for name in names[names.index(first) :]:
        async with recorder.step(name, report) as step:
            step.result = await STEPS[name](report)


class NightlyReport:
    """What lets it be replayed: it can be told to go on from a step."""

    async def resume(self, context: dict[str, Any], from_step: str, recorder: SagaRecorder) -> None:
        """Go on; the steps before ``from_step`` are done, and ``context`` is as they left it."""
        await nightly_report(context, recorder, from_step)


async def main(folder: Path) -> None:
    """Record a run that fails, look at it, and let a corrected one go on from there."""
    async with SQLiteSnapshotStorage(folder / "reports.db") as storage:
        print("1. A run is recorded, and fails")
        recorder = SagaRecorder(storage, saga_name="NightlyReport", saga_id="report_7")
        try:
            async with recorder:
                await nightly_report({"currency": "EURO", "to": "ada"}, recorder)
        except KeyError as error:
            print(f"  no rate for {error}")

        print("\n2. What was recorded")
        for entry in await storage.list_checkpoints("report_7"):
            print(f"  #{entry.sequence} {entry.kind} {entry.step_name or ''}")

        print("\n3. What would a replay do, with the currency corrected?")
        replay = SagaReplay("report_7", storage, saga_factory=lambda _: NightlyReport())
        override = {"currency": "EUR"}
        dry = await replay.from_checkpoint("convert", context_override=override, dry_run=True)
        assert dry.plan is not None
        print(f"  the plan is {dry.status}")
        for step in dry.plan.steps:
            print(f"  {step.name}: {step.fate}")

        print("\n4. The replay, as a new run; nothing is fetched again")
        result = await replay.from_checkpoint("convert", context_override=override)
        print(f"  {result.new_saga_id}: {result.status}")
        latest = await storage.get_latest_snapshot(result.new_saga_id or "")
        assert latest is not None
        print(f"  {', '.join(latest.completed_steps)}; {latest.results['convert']:.2f} dollars")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
