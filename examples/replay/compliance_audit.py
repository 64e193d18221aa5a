"""An auditor asks how a patient's consent stood on a certain day, and who has changed what since.

python examples/replay/compliance_audit.py
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagaz_core import (
    Saga,
    SagaReplay,
    SagaSnapshot,
    SagaTimeTravel,
    SnapshotStorage,
    blame,
    compliance_audit,
)
from sagaz_core.history.audit import audit
from sagaz_core.storage.backends import SQLiteSnapshotStorage

CONSENT = "patient-consent-789"


class PatientConsent(Saga):
    """Informs a patient, asks for consent, and files the form."""

    async def build(self) -> None:
        await self.add_step("inform", self.inform)
        await self.add_step("ask", self.ask)
        await self.add_step("file", self.file)

    async def inform(self, ctx: Any) -> None:
        ctx["consent_status"] = "informed"

    async def ask(self, ctx: Any) -> None:
        ctx["consent_status"] = "given"

    async def file(self, ctx: Any) -> None:
        ctx["filed_in"] = ctx["archive"]


async def record_the_past(storage: SnapshotStorage) -> None:
    """Record what happened in 2024, as an engine of that time would have."""
    patient = {"patient_id": "p-789", "archive": "basement"}
    for month, day, before_step, status in (
        (7, 1, "inform", "unknown"),
        (7, 8, "ask", "informed"),
        (7, 12, "file", "given"),
    ):
        done = ["inform", "ask", "file"]
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id=CONSENT,
                saga_name="PatientConsent",
                kind="before_step",
                step_name=before_step,
                completed_steps=done[: done.index(before_step)],
                context={**patient, "consent_status": status},
                created_at=datetime(2024, month, day, 9, tzinfo=UTC),
                retention_until=datetime(2031, 7, 12, tzinfo=UTC),  # seven years
            )
        )


async def main(folder: Path) -> None:
    """Answer the auditor's questions, one by one."""
    async with SQLiteSnapshotStorage(folder / "consents.db") as storage:
        await record_the_past(storage)

        print("How did the consent stand on 10 July 2024, at half past two?")
        asked = datetime(2024, 7, 10, 14, 30, tzinfo=UTC)
        report = await compliance_audit(storage, CONSENT, asked, keys=["consent_status"])
        print(f"  {report.context['consent_status']}, as of {report.recorded_at:%d %B %Y}")
        print(f"  done by then: {', '.join(report.completed_steps)}")
        print(f"  kept until {report.retention_until:%d %B %Y}, {report.evidence.status}\n")

        print("Who set the consent's status, and when?")
        for entry in reversed(await blame(storage, CONSENT, "consent_status")):
            who = entry.step_name or "at the beginning"
            print(f"  {entry.created_at:%d %B %Y}  {entry.value:<9} {who}")

        print("\nWhat changed in July?")
        changes = await SagaTimeTravel.list_state_changes(
            saga_id=CONSENT,
            snapshot_storage=storage,
            after=datetime(2024, 7, 2, tzinfo=UTC),
            before=datetime(2024, 7, 31, tzinfo=UTC),
        )
        for change in changes:
            for difference in change.changes:
                before, after = difference.before, difference.after
                print(f"  {change.created_at:%d %B %Y}  {difference.path}: {before} → {after}")

        print("\nThe form was never filed. Somebody files it now, and says why")
        replay = SagaReplay(CONSENT, storage, initiated_by="ada@records-office")
        filed = await replay.from_checkpoint(
            "file", context_override={"archive": "vault"}, reason="found by the audit of 2024"
        )
        print(f"  {filed.new_saga_id}: {filed.status}, filed in the {filed.context['filed_in']}\n")

        print("Who has replayed what, and why?")
        report = await compliance_audit(storage, CONSENT, datetime.now(UTC))
        for event in report.events:
            print(f"  {event.event} by {event.by}: {event.details['replay']}")
        async for replayed in audit(storage):
            log = replayed.log
            changed = ", ".join(
                f"{each.path}: {each.before} → {each.after}" for each in log.override
            )
            print(f"  {log.replay_id} by {log.initiated_by}: {log.reason}")
            print(f"  from {log.from_step}, with {changed}: {replayed.outcome}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
