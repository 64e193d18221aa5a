"""What a person asks of a batch, and how the screen hands it to the batch's process."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sagaz_core.replay.overrides import Override, parse_override
from sagaz_tui.replaying.as_command import override_options, store_words
from sagaz_tui.settings import Settings

InDoubt = Literal["retry", "skip"] | None
"""What happens with steps in doubt: they run again, or are taken as done; None: neither."""

IN_DOUBT_WAYS: Final[tuple[InDoubt, ...]] = (None, "retry", "skip")
"""In the order in which a key goes through them."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Which sagas to replay, each from its failed step, with what set, and why.

    ``saga_overrides`` is what is set in single sagas, after what is set in all of them, and
    ``override_file`` the file that it was read from, empty if there is none.
    """

    saga_ids: tuple[str, ...]
    overrides: tuple[Override, ...] = ()
    allow_type: tuple[str, ...] = ()
    saga_overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    override_file: str = ""
    in_doubt: InDoubt = None
    reason: str | None = None


def request_text(request: BatchRequest) -> str:
    """Return a request as one JSON document; the reason is no part of it."""
    return json.dumps(
        {
            "saga_ids": request.saga_ids,
            "overrides": [str(each) for each in request.overrides],
            "allow_type": request.allow_type,
            "in_doubt": request.in_doubt,
            "saga_overrides": {
                saga_id: [str(each) for each in some]
                for saga_id, some in request.saga_overrides.items()
            },
        }
    )


def read_request(text: str) -> BatchRequest:
    """Return the request that :func:`request_text` has written."""
    document = json.loads(text)
    return BatchRequest(
        saga_ids=tuple(document["saga_ids"]),
        overrides=tuple(map(parse_override, document["overrides"])),
        allow_type=tuple(document["allow_type"]),
        in_doubt=document["in_doubt"],
        saga_overrides={
            saga_id: tuple(map(parse_override, some))
            for saga_id, some in document["saga_overrides"].items()
        },
    )


def as_command(request: BatchRequest, settings: Settings, secrets: Collection[str] = ()) -> str:
    """Return the command that asks for the same batch of the same store; the ids come after it.

    ``secrets`` are pointers of overrides that are or hold secrets, whatever the settings say.
    """
    words = ["sagaz", "replay", "batch", "--ids", "-"]
    for option in override_options(request.overrides, settings, secrets):
        words += option
    for pointer in request.allow_type:
        words += ["--allow-type", pointer]
    if request.override_file:
        words += ["--override-file", request.override_file]
    if request.in_doubt is not None:
        words += ["--in-doubt", request.in_doubt]
    words += store_words(settings)
    # What comes after a line of this would be taken for commands.
    end = "IDS"
    while end in request.saga_ids:
        end += "_"
    ids = "\n".join(request.saga_ids)
    return f"{shlex.join(words)} <<'{end}'\n{ids}\n{end}\n"


def resume_command(batch_id: str, settings: Settings) -> str:
    """Return the command that goes on with a batch."""
    words = ["sagaz", "replay", "batch", "--resume", batch_id]
    return shlex.join([*words, *store_words(settings)])
