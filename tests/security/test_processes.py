"""What others of a machine can see of a process, its arguments, holds no secret.

Its environment, which its owner alone can read, holds what the user put there, and the address of
the store; a value to set goes over a pipe.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from sagaz_core.replay.overrides import parse_override
from sagaz_tui.batch.run import command as batch_words
from sagaz_tui.replaying.process import ReplayRequest, command, run_apart
from sagaz_tui.settings import Settings

CARD: Final = "4111-1111-1111-1111"
PASSWORD: Final = "hunter2"
SETTINGS: Final = Settings(storage_url=f"redis://ada:{PASSWORD}@localhost:1/0", sagas=("shop",))
LOOK: Final = """
import json, os, sys
seen = {name: open(f"/proc/self/{name}", "rb").read().decode() for name in ("cmdline", "environ")}
print(json.dumps({**seen, "others": os.stat("/proc/self/environ").st_mode & 0o077,
    "stdin": sys.stdin.read()}))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
@pytest.mark.parametrize("kind", ["replay", "batch"])
def test_neither_a_value_nor_a_password_is_among_a_process_s_arguments(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, everybody on the machine could read them with `ps`, for as long as it runs."""
    monkeypatch.setenv("MY_OWN", "theirs")
    request = ReplayRequest("order_7", "charge", overrides=(parse_override(f"card={CARD}"),))
    words = command(request, "digest", "request") if kind == "replay" else batch_words(["--yes"])
    values = json.dumps([str(each) for each in request.overrides]).encode()
    log = tmp_path / "log"
    looking = [sys.executable, "-c", LOOK, *words]
    process = run_apart(SETTINGS, looking, values, log)
    assert process.wait(timeout=60) == 0
    seen = json.loads(log.read_text())
    assert "sagaz_tui" in seen["cmdline"]
    assert CARD in seen["stdin"]
    for secret in (CARD, PASSWORD):
        assert secret not in seen["cmdline"]
    environment = dict(each.partition("=")[::2] for each in seen["environ"].split("\0") if each)
    assert environment["MY_OWN"] == "theirs"
    added = {name for name in environment if environment[name] != os.environ.get(name)}
    assert added <= {"SAGAZ_STORAGE_URL", "SAGAZ_SAGAS", "SAGAZ_READ_ONLY"}
    assert CARD not in seen["environ"]
    assert seen["others"] == 0
    assert log.stat().st_mode & 0o077 == 0
