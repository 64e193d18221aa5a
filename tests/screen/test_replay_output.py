"""What a replay prints: a file that only its user can read, found again, and read at its end."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from sagaz_tui.replaying.output import (
    find_output,
    new_output,
    new_request_id,
    read_output,
)
from sagaz_tui.replaying.private_folder import UnsafeFolderError, runtime_folder


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_output_is_found_again_by_the_request_of_its_replay(places: Path) -> None:
    request_id = new_request_id()
    log = new_output(request_id)
    assert find_output(request_id) is None
    log.touch()
    assert find_output(request_id) == log
    assert log.is_relative_to(places / "state")
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_request_of_another_name_is_no_path(places: Path) -> None:
    new_output(new_request_id())
    (places / "state" / "sagaz" / "replay-mine.log").touch()
    (places / "state" / "replay-x.log").touch()
    for request_id in (None, "mine", "/../../replay-x", "screen-../../x", ""):
        assert find_output(request_id) is None


def test_without_a_folder_that_stays_the_session_s_own_is_used(places: Path) -> None:
    (places / "state").write_text("in the way")
    request_id = new_request_id()
    log = new_output(request_id)
    log.touch()
    assert log.parent == places / "sagaz"
    assert find_output(request_id) == log


def test_a_user_without_a_home_has_the_session_s_own(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert new_output(new_request_id()).parent == places / "sagaz"


def test_old_output_goes_as_new_comes() -> None:
    old, recent = (new_output(new_request_id()) for _ in range(2))
    for log, days in ((old, 31), (recent, 29)):
        log.touch()
        os.utime(log, (time.time() - days * 86_400,) * 2)
    new_output(new_request_id())
    assert not old.exists()
    assert recent.exists()


def test_a_folder_that_others_can_change_is_refused(places: Path) -> None:
    (places / "sagaz").mkdir(mode=0o777)
    (places / "sagaz").chmod(0o777)
    with pytest.raises(UnsafeFolderError, match="can be changed by others"):
        runtime_folder()


def test_a_link_in_the_folders_place_is_refused(places: Path) -> None:
    (places / "elsewhere").mkdir(mode=0o700)
    (places / "sagaz").symlink_to(places / "elsewhere")
    with pytest.raises(UnsafeFolderError):
        runtime_folder()


def test_without_a_runtime_folder_a_private_one_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = runtime_folder()
    assert folder == tmp_path / f"sagaz-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (b"", ()),
        (b"one\ntwo", ("one", "two")),
        (b"one\r\ntwo\n", ("one", "two")),
        (b"10%\r20%\r", ("10%", "20%")),
        (b"\x1b[2J\xff\tx\n\n", ("\\x1b[2J\ufffd   x", "")),
        ("‮gnip".encode(), ("\\u202egnip",)),
    ],
)
def test_lines_are_safe_to_show(tmp_path: Path, printed: bytes, lines: tuple[str, ...]) -> None:
    (tmp_path / "log").write_bytes(printed)
    assert read_output(tmp_path / "log").lines == lines


def test_of_huge_output_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(5_000_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"".join(b"line %d\n" % number for number in range(100_000)))
    output = read_output(log)
    assert output.lines[-1] == "line 99999"
    assert 3_000 < len(output.lines) < 10_000
    assert output.lines[0].startswith("line ")
    assert output.left_out + sum(len(line) + 1 for line in output.lines) == output.size


def test_a_very_long_line_is_cut_at_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 1_000_000 + b"\nlast")
    first, last = read_output(tmp_path / "log").lines
    assert 50_000 < len(first) < 100_000
    assert set(first) == {"x"}
    assert last == "last"
