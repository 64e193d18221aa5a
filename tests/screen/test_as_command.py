"""The command copied from a plan asks in a shell for that very replay."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sagaz_core.replay.overrides import Override, parse_override
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_tui.replaying.as_command import as_command
from sagaz_tui.replaying.planning import make_plan
from sagaz_tui.replaying.process import ReplayRequest
from sagaz_tui.settings import Settings
from tests.screen.planned import settings

ODD = (
    """token=it's "new" $HOME `id` \\ !x""",
    "/order_id:=8841",
    """basket:={"a b": [1.10, "é"]}""",
    "/basket/a b/1=two\nlines",
    "-x=-1",
    "/=no name",
)


async def test_in_a_shell_it_makes_the_very_plan_that_was_shown(
    store: SnapshotStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("sagaz.toml").write_text('sagas = ["tests.end_to_end.shop"]')
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    first = await store.get_checkpoint("order_7", 1)
    request = ReplayRequest(
        "order_7",
        "reserve",
        overrides=tuple(map(parse_override, ODD)),
        allow_type=("/order_id",),
        snapshot_id=first.snapshot_id,
        compensated="keep",
        in_doubt="retry",
        again=True,
    )
    command = as_command(request, settings())
    shell = ["bash", "-c", f"{command} --dry-run --format json"]
    planned = await asyncio.to_thread(subprocess.run, shell, capture_output=True, text=True)
    plan = json.loads(planned.stdout)["plan"]
    assert plan["digest"] == (await make_plan(settings(), request)).digest
    assert plan["valid"]


def test_it_is_as_short_as_what_was_asked_for() -> None:
    asked = ReplayRequest("order 7", "charge", (parse_override("token=a b"),))
    assert as_command(asked, Settings()) == (
        "sagaz replay run 'order 7' --from-step charge --override 'token=a b'"
    )


def test_what_begins_like_an_option_stands_where_it_is_none() -> None:
    odd = ReplayRequest("-7", "-s", (parse_override("-k=1"),), reason="-r", again=True)
    assert as_command(odd, Settings()) == (
        "sagaz replay run --from-step=-s --override=-k=1 --reason=-r --again -- -7"
    )


@pytest.mark.parametrize(
    ("url", "source", "words"),
    [
        ("redis://host", "--storage-url", " --storage-url redis://host"),
        ("redis://:hunter2@host", "--storage-url", ""),
        ("redis://host", "environment SAGAZ_STORAGE_URL", ""),
        ("sqlite:///sagaz.db", "default", ""),
    ],
)
def test_a_store_that_a_flag_named_is_named_without_a_password(
    url: str, source: str, words: str
) -> None:
    named = Settings(storage_url=url, sources={"storage_url": source})
    asked = as_command(ReplayRequest("order_7", "charge"), named)
    assert asked == f"sagaz replay run order_7 --from-step charge{words}"


def test_every_place_of_an_override_is_written_so_that_it_is_read_as_the_same() -> None:
    for place in ("/", "/a", "/a~1b", "/~0", "/a/0", "/a:/b", "//x"):
        for operator in ("=", ":=", "=@"):
            override = Override(place, operator, "1")
            assert parse_override(str(override)) == override


def test_a_secret_is_asked_for_when_it_runs() -> None:
    asked = ReplayRequest("order_7", "charge", (parse_override("card=4111"),))
    assert as_command(asked, Settings(compliance={"sensitive_fields": ["card"]})) == (
        "sagaz replay run order_7 --from-step charge --secret card"
    )
