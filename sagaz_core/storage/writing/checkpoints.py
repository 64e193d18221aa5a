"""Checkpoints on their way in: one by one, or by the writer of a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.listing import check_saga_id, check_tags, refuse_secret_tags
from sagaz_core.storage.writing.writable_store import WritableStore

# What writes is imported once something is written: a screen that looks has to open at once.
if TYPE_CHECKING:
    from sagaz_core.storage.writer import SagaWriter

_log = logging.getLogger("sagaz")


class CheckpointWriting(WritableStore):
    """Changes that add checkpoints."""

    async def save_snapshot(self, snapshot: SagaSnapshot) -> int:
        """Store a checkpoint as its saga's next and return its number, once it is durable.

        For tests and other engines: it holds no lease. What cannot be stored is replaced by a
        :class:`~sagaz_core.model.NotStored` marker and logged. The same snapshot saved twice is
        stored once.

        Raises:
            HeadConflictError: another process saved to this saga at the same time; save again.
            DuplicateSnapshotError: another snapshot has this id.
        """
        from sagaz_core.storage.capture import capture

        self._refuse_if_read_only()
        # Before anything is awaited: the caller may change the context meanwhile.
        taken = capture(snapshot)
        for error in taken.errors:
            _log.warning(
                "saga %r: %s could not be stored: %s %s",
                snapshot.saga_id,
                error.path,
                error.type_name,
                error.reason,
            )
        writer = self._savers.get(snapshot.saga_id)
        if writer is None:
            writer = self.writer(saga_id=snapshot.saga_id, saga_name=snapshot.saga_name)
        self._savers.put(writer, taken.size)
        number = await writer.append(taken)
        if snapshot.status in ("completed", "failed"):
            self._savers.drop(snapshot.saga_id)
        return number

    def writer(
        self,
        *,
        saga_id: str,
        saga_name: str,
        code: str = "",
        root_id: str | None = None,
        parent_id: str | None = None,
        parent_sequence: int | None = None,
        tags: Mapping[str, str] = {},
        fence: int | None = None,
        claim: bool = False,
        owner: str = "",
        term: float = 30.0,
        new_ids: bool = False,
    ) -> SagaWriter:
        """Return a writer for one saga's run.

        Args:
            saga_id: 1 to 256 printable characters.
            saga_name: the saga's class.
            code: ``module:qualname`` of that class.
            root_id, parent_id, parent_sequence: for a replay, its family and where it grew from.
            tags: what the saga can be found by.
            fence: the token of the lease that the run holds; None: it holds none.
            claim: take the new family's lease with the first append.
            owner: with ``claim``, who runs it, in words for a person.
            term: seconds by which each append extends the lease.
            new_ids: the snapshots' ids are made for them, so that no other saga can have one.

        Raises:
            UsageError: the id or a tag cannot be one, or a tag is named like a secret.
        """
        self._refuse_if_read_only()
        if self._protection is not None and parent_id is None:
            refuse_secret_tags(self._protection.fields, tags)
        from sagaz_core.storage.saga_rows import SagaIdentity
        from sagaz_core.storage.writer import SagaWriter

        identity = SagaIdentity(
            saga_id=check_saga_id(saga_id),
            saga_name=saga_name,
            code=code,
            root_id=check_saga_id(root_id or saga_id),
            parent_id=parent_id,
            parent_sequence=parent_sequence,
            tags=check_tags(tags),
        )
        return SagaWriter(
            self.backend,
            self._commits,
            identity,
            fence=fence,
            claim=claim,
            owner=owner,
            term=term,
            new_ids=new_ids,
            protection=self._protection,
            is_open=lambda: self._is_open,
            open_store=self._writable,
        )
