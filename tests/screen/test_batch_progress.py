"""What the events of a batch's process tell: how far it is, how fast, and what needs a look."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sagaz_core.replay.batch import BatchItem, BatchPreview
from sagaz_core.replay.overrides import parse_override
from sagaz_tui.batch.progress import BatchProgress
from sagaz_tui.batch.request import (
    BatchRequest,
    as_command,
    read_request,
    request_text,
    resume_command,
)
from sagaz_tui.batch.run import BatchRun, runs_under_way
from sagaz_tui.settings import Settings
from sagaz_tui.widgets.batch_lines import counts_line, errors_line, preview_lines, progress_line
from sagaz_tui.widgets.lines import line_text, line_width
from tests.screen.failures import NOW


def event(kind: str, done: int, seconds: float = 0, **item: Any) -> str:
    """One line, as the process writes it."""
    told = {
        "event": kind,
        "at": (NOW + timedelta(seconds=seconds)).isoformat(),
        "batch_id": "batch-1",
        "done": done,
        "total": 100,
    }
    return json.dumps(told | item)


def ended(number: int, state: str, seconds: float, **more: Any) -> str:
    """One saga's end."""
    item = {"saga_id": f"order_{number}", "new_saga_id": f"order_{number}~r1", "state": state}
    return event("item_ended", number, seconds, **{**item, "error": None, "reason": None, **more})


def progress(*lines: str) -> BatchProgress:
    """What these lines tell."""
    told = BatchProgress()
    for line in (event("batch_started", 0), *lines):
        told.take(line)
    return told


def test_rate_and_time_left_come_from_what_was_done_since_it_began() -> None:
    told = progress(*(ended(n, "succeeded", n / 2) for n in range(1, 21)))
    assert told.rate == 2.0
    assert told.seconds_left == 40.0
    line = progress_line(told, 80, over=False)
    assert line_width(line) <= 80
    assert line_text(line).strip().endswith("20 of 100  2.0/s  40s left")


def test_at_the_beginning_nothing_is_said_of_rate_and_time() -> None:
    told = progress()
    assert told.rate is None
    assert told.seconds_left is None
    assert line_text(progress_line(told, 80, over=False)).endswith(" 0 of 100")


def test_what_was_not_brought_to_success_is_kept_with_why_and_what_to_open() -> None:
    told = progress(
        ended(1, "succeeded", 1),
        ended(2, "failed", 2, error="ship: CarrierDown: 503 for order_2"),
        ended(3, "failed", 3, error="ship: CarrierDown: 502 for order_3"),
        ended(4, "skipped", 4, new_saga_id=None, reason="it is still running"),
        ended(5, "in_doubt", 5, reason="charge may have happened"),
    )
    assert [(item.state, item.opens, item.words) for item in told.troubled] == [
        ("failed", "order_2~r1", "ship: CarrierDown: 503 for order_2"),
        ("failed", "order_3~r1", "ship: CarrierDown: 502 for order_3"),
        ("skipped", "order_4", "it is still running"),
        ("in_doubt", "order_5~r1", "charge may have happened"),
    ]
    assert line_text(errors_line(told)) == " ship: CarrierDown: # for # 2"
    words = line_text(counts_line(told))
    assert "✓ 1 succeeded   ✗ 2 failed   ? 1 in doubt   ∅ 1 skipped" in words


def test_what_the_process_says_besides_is_no_event() -> None:
    told = progress("sagaz: 3 are left; `sagaz replay batch --resume batch-1` goes on", "a table")
    assert told.total == 100


def test_a_hostile_error_stays_text() -> None:
    told = progress(ended(1, "failed", 1, error="\x1b[31mstep: [red]Evil: \x07\n"))
    assert "\x1b" not in line_text(errors_line(told))


def test_half_a_line_is_taken_in_once_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "batch.log"
    line = ended(1, "succeeded", 1)
    log.write_text(event("batch_started", 0) + "\n" + line[:30])
    run = BatchRun(1 << 22, log)
    run.read()
    assert (run.progress.total, run.progress.done) == (100, 0)
    with log.open("a") as file:
        file.write(line[30:] + "\n")
    run.read()
    assert run.progress.done == 1
    assert run.over


def test_a_batch_is_found_as_long_as_its_process_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runs_under_way() == []
    assert not (tmp_path / "sagaz").exists()
    (tmp_path / "sagaz").mkdir(mode=0o700)
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, start_new_session=True) as process:
        for pid in (process.pid, 1 << 22):
            (tmp_path / "sagaz" / f"batch-{pid}.log").write_text(event("batch_started", 7) + "\n")
        (found,) = runs_under_way()
        assert found.progress.batch_id == "batch-1"
        process.communicate(b"\n")
    found.read()
    assert found.over


def test_many_left_out_are_counted_after_the_first_hundreds() -> None:
    skipped = tuple(
        BatchItem(saga_id=f"o{n}", saga_name="S", from_step=None, reason="no") for n in range(300)
    )
    preview = BatchPreview(count=300, runs=0, samples=(), skipped=skipped, by_step={})
    lines = [line_text(line) for line in preview_lines(preview, 80, BatchRequest(()))]
    assert lines[0].startswith(" 0 of 300 would run")
    assert lines[-1].strip() == "and 100 more"


def test_the_bar_has_a_part_for_what_failed_and_one_for_what_was_left_out() -> None:
    told = progress(
        ended(1, "failed", 1, error="ship: no"),
        *(ended(n, "skipped", n) for n in range(2, 12)),
        *(ended(n, "succeeded", n) for n in range(12, 51)),
    )
    parts = {
        span.token: len(span.text)
        for span in progress_line(told, 80, over=False)
        if "█" in span.text
    }
    assert parts["fail"] == 1
    assert 3 < parts["muted"] < parts["ok"]


# ---------------------------------------------------------------- what is asked for


def test_a_request_is_read_as_it_was_written() -> None:
    request = BatchRequest(
        ("order_1", "-x"),
        overrides=(parse_override("token==a b"), parse_override("/cart/0:=[1.50]")),
        allow_type=("/cart/0",),
        saga_overrides={"order_1": (parse_override("/a~1b=@x"),)},
        in_doubt="retry",
    )
    assert read_request(request_text(request)) == request


def test_no_id_ends_the_ids_of_a_command_that_is_copied() -> None:
    command = as_command(BatchRequest(("a", "IDS", "IDS_", "rm -rf ~")), Settings())
    first, *lines = command.splitlines()
    assert first == "sagaz replay batch --ids - <<'IDS__'"
    assert lines == ["a", "IDS", "IDS_", "rm -rf ~", "IDS__"]


def test_a_store_that_a_flag_has_named_is_in_the_command() -> None:
    settings = Settings(storage_url="sqlite:///far.db", sources={"storage_url": "--storage-url"})
    named = "--storage-url sqlite:///far.db"
    assert named in as_command(BatchRequest(("a",)), settings)
    assert resume_command("batch-1", settings).endswith(f"--resume batch-1 {named}")
