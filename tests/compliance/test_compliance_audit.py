"""What an auditor asks of one saga and one date is answered whole, and proven where it can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sagaz_core import ComplianceConfig, SagaSnapshot, SagaTimeTravel, compliance_audit
from sagaz_core.errors import NotFoundError, SagaNotFoundError
from sagaz_core.model import Masked, utc_now
from sagaz_core.storage.backends import InMemorySnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage

CONSENT = "patient-consent-789"
ASKED = datetime(2024, 7, 15, 14, 30, tzinfo=UTC)


async def consent(storage: SnapshotStorage) -> datetime:
    """Record a consent that is given in July and withdrawn in August; return until when."""
    until = utc_now() + timedelta(days=365)
    for month, status in ((7, "given"), (8, "withdrawn")):
        await storage.save_snapshot(
            SagaSnapshot(
                saga_id=CONSENT,
                saga_name="PatientConsent",
                status="completed",
                context={"patient_id": "p-789", "consent_status": status, "ssn": "078-05-1120"},
                created_at=datetime(2024, month, 1, tzinfo=UTC),
                retention_until=until,
            )
        )
    return until


async def test_an_auditor_reads_a_date_and_the_report_says_the_same(
    any_storage: SnapshotStorage,
) -> None:
    snapshot_storage = any_storage
    until = await consent(snapshot_storage)
    await snapshot_storage.hold(CONSENT, by="legal", reason="a complaint")
    state = await SagaTimeTravel.get_state_at(
        saga_id="patient-consent-789",
        timestamp=datetime(2024, 7, 15, 14, 30, tzinfo=UTC),
        snapshot_storage=snapshot_storage,
    )
    assert state is not None
    audit_report = {
        "saga_id": state.saga_id,
        "timestamp": state.created_at,
        "status": state.status,
        "patient_id": state.context["patient_id"],
        "consent_given": state.context["consent_status"],
        "hipaa_compliance": True,
    }
    report = await compliance_audit(
        snapshot_storage, CONSENT, ASKED, keys=["patient_id", "consent_status"]
    )
    assert audit_report == {
        "saga_id": report.saga_id,
        "timestamp": report.recorded_at,
        "status": report.status,
        "patient_id": report.context["patient_id"],
        "consent_given": report.context["consent_status"],
        "hipaa_compliance": report.evidence.status != "tampered",
    }
    assert dict(report.context) == {"patient_id": "p-789", "consent_status": "given"}
    assert report.timestamp == ASKED
    assert report.evidence.status == "unverified"
    assert report.retention_until == until
    assert report.hold is not None
    assert report.hold.reason == "a complaint"
    assert [(event.event, event.by) for event in report.events] == [("held", "legal")]


async def test_secrets_are_masked_and_what_was_altered_is_told() -> None:
    compliance = ComplianceConfig(
        enable_encryption=True, sensitive_fields=["ssn"], encryption_key=b"k" * 32
    )
    storage = InMemorySnapshotStorage(compliance=compliance)
    await consent(storage)
    report = await compliance_audit(storage, CONSENT, ASKED)
    assert isinstance(report.context["ssn"], Masked)
    assert "078-05-1120" not in repr(report)
    assert (report.evidence.status, report.hold, report.events) == ("verified", None, ())
    first = (await storage.list_checkpoints(CONSENT))[0]
    await storage.backend.hide(first.snapshot_id)
    found = await compliance_audit(storage, CONSENT, ASKED + timedelta(days=30))
    assert found.evidence.status == "tampered"


async def test_what_there_was_not_is_no_report() -> None:
    storage = InMemorySnapshotStorage()
    with pytest.raises(SagaNotFoundError):
        await compliance_audit(storage, CONSENT, ASKED)
    await consent(storage)
    with pytest.raises(NotFoundError, match="had no checkpoint yet at 2023"):
        await compliance_audit(storage, CONSENT, datetime(2023, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFoundError, match="had no key 'blood'"):
        await compliance_audit(storage, CONSENT, ASKED, keys=["blood"])
