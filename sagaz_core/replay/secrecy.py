"""Whether what is encrypted in a checkpoint stays so in a replay of it."""

from __future__ import annotations

from collections.abc import Sequence

from sagaz_core.compliance.fields import SensitiveFields
from sagaz_core.model import PlanProblem, SagaSnapshot
from sagaz_core.replay.pointer import join_pointer
from sagaz_core.storage.reader import StoreReader


async def check_secrets(storage: StoreReader, snapshot: SagaSnapshot) -> list[PlanProblem]:
    """Return a problem for each encrypted value that a replay would record in plain text."""
    compliance = storage.compliance
    if compliance is None:
        # Without its key nothing encrypted can be read in the first place.
        return []
    assert snapshot.sequence is not None
    return [
        PlanProblem(
            code="secret_exposed",
            message=f"{join_pointer(path)} is encrypted, and the replay would record it in plain "
            "text; "
            + (
                "name it among the sensitive fields"
                if compliance.encrypts
                else "enable encryption in the settings"
            ),
            path=join_pointer(path),
        )
        for path in await storage.list_encrypted(snapshot.saga_id, snapshot.sequence)
        if not (compliance.encrypts and _is_secret(compliance.fields, path))
    ]


def _is_secret(fields: SensitiveFields, path: Sequence[str]) -> bool:
    # A set is encrypted as a whole for its items.
    return fields.hold(path) or fields.reach_inside(path)
