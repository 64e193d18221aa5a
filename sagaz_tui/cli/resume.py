"""``sagaz resume``: go on with a saga whose process is gone."""

from __future__ import annotations

import typer

from sagaz_tui.cli.options import (
    FormatOption,
    SagaIdArgument,
    StorageOption,
    StorageUrlOption,
)
from sagaz_tui.cli.replay_options import (
    FactoryOption,
    InDoubtOption,
    ReasonOption,
)


def resume_saga(
    saga_id: SagaIdArgument,
    in_doubt: InDoubtOption = None,
    reason: ReasonOption = None,
    factory: FactoryOption = None,
    storage: StorageOption = None,
    storage_url: StorageUrlOption = None,
    format: FormatOption = "text",
) -> None:
    """Go on with an interrupted saga, in the same saga, where it stopped.

    What is recorded as done is not done again. A step that was under way runs again if it is
    idempotent; of any other you are asked to say whether it happened.

    For example: sagaz resume order_8841 --in-doubt skip
    """
    from sagaz_tui.cli.resuming import carry_out

    code = carry_out(saga_id, in_doubt, reason, factory, storage, storage_url, format)
    raise typer.Exit(code)
