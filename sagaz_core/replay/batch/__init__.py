"""Many sagas replayed as one piece of work, which may be stopped, resumed and shared."""

from sagaz_core.replay.batch.batch import BatchReplay
from sagaz_core.replay.batch.items import BatchEvent, BatchItem, BatchPreview, BatchReport
from sagaz_core.replay.batch.selection import BatchSelection

__all__ = [
    "BatchEvent",
    "BatchItem",
    "BatchPreview",
    "BatchReplay",
    "BatchReport",
    "BatchSelection",
]
