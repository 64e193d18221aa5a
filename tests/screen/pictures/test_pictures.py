"""The pictures that are kept are those that are compared, and each is of something else."""

from __future__ import annotations

from tests.screen.pictures.conftest import FOLDER


def test_no_two_pictures_show_the_same() -> None:
    seen: dict[str, str] = {}
    for path in FOLDER.glob("*.txt"):
        other = seen.setdefault(path.read_text(encoding="utf-8"), path.name)
        assert other == path.name


def test_every_picture_is_compared_with_a_screen() -> None:
    tests = "".join(path.read_text("utf-8") for path in FOLDER.parent.glob("test_*.py"))
    for path in FOLDER.glob("*.txt"):
        assert f'"{path.stem.removesuffix("-ansi")}"' in tests, path.name
