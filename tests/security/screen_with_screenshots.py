"""The program, which exports a screenshot to the file ``screenshots`` each time it is sent SIGUSR1.

A screen in a terminal of its own has no other way to be asked for one.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from sagaz_tui.__main__ import main
from sagaz_tui.app import SagazApp


class SeenApp(SagazApp):
    """The app of the screen."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        signal.signal(signal.SIGUSR1, lambda *_: self.call_later(self._export))

    def _export(self) -> None:
        with Path("screenshots").open("a") as file:
            file.write(self.export_screenshot())


if __name__ == "__main__":
    import sagaz_tui.app

    sagaz_tui.app.SagazApp = SeenApp  # type: ignore[misc]
    main()
