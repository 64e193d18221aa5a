"""Edits that come from elsewhere: the person's own editor, and files of staged edits."""

from __future__ import annotations

import contextlib
import json
import stat
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sagaz_core.model import Masked
from sagaz_tui.edits.base import EditBase
from sagaz_tui.edits.editor import (
    Draft,
    EditorError,
    draft_of,
    edit_text,
    editor_command,
    override_from,
)
from sagaz_tui.edits.staged import read_staged
from sagaz_tui.edits.written import collect_overrides
from sagaz_tui.widgets.edit_input import EditInput
from sagaz_tui.widgets.edit_line import EditLine
from tests.screen.looking import press, until
from tests.screen.test_edit_line import EditApp


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the editor's files are put, empty before and after."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def script(body: str) -> list[str]:
    """An editor that does this with the file in ``$1``."""
    return ["sh", "-c", body, "editor"]


def use(monkeypatch: pytest.MonkeyPatch, app: EditApp, body: str) -> None:
    """Let the app, whose test terminal cannot be lent, use an editor."""
    Path("editor.sh").write_text(body)
    monkeypatch.setenv("VISUAL", "sh editor.sh")
    monkeypatch.setattr(app, "suspend", contextlib.nullcontext)


async def type_and_edit(pilot: Pilot[None], place: str) -> None:
    pilot.app.query_one(EditInput).value = place
    press(pilot, "ctrl+e")
    await pilot.pause()


@pytest.mark.parametrize(
    "value",
    [
        "tok_old",
        "@not a file",
        "two\nlines\n",
        Decimal("99.90"),
        datetime(2026, 7, 3, tzinfo=UTC),
        7,
        0.25,
        True,
        b"\x00\xff",
        [{"sku": "A-1", "price": Decimal("9.90")}],
        (3, 4),
        {"a": None},
    ],
)
def test_what_is_left_as_it_was_reads_back_as_the_same(value: Any) -> None:
    draft = draft_of(value)
    edit = read_staged(override_from("/it", draft, draft.text), {"it": value})
    assert (type(edit.after), edit.after) == (type(value), value)


def test_the_editor_gets_a_file_of_this_user_s_own_that_is_gone_after(runtime: Path) -> None:
    look = f'stat -c %a "$1" "$(dirname "$1")" > {runtime}/seen; touch "$1~"; echo new > "$1"'
    assert edit_text(Draft("old", "="), script(look)) == "new"
    assert (runtime / "seen").read_text().split() == ["600", "700"]
    assert [path.name for path in runtime.iterdir()] == ["seen"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (script("exit 3"), "ended with code 3"),
        (script("kill -9 $$"), "ended with signal 9"),
        (["no-such-editor"], "No such file"),
        (script(r'printf "\377" > "$1"'), "no UTF-8"),
    ],
)
def test_an_editor_that_fails_changes_nothing(
    command: list[str], sentence: str, runtime: Path
) -> None:
    with pytest.raises(EditorError, match=sentence) as caught:
        edit_text(Draft("old", "="), command)
    assert str(caught.value).endswith("nothing was changed")
    assert not list(runtime.iterdir())


def test_visual_comes_before_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "ed")
    monkeypatch.delenv("VISUAL", raising=False)
    assert editor_command() == ["ed"]
    monkeypatch.setenv("VISUAL", "code --wait")
    assert editor_command() == ["code", "--wait"]


async def test_a_value_is_edited_in_the_editor_and_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        use(monkeypatch, app, """sed -i 's/"qty": 2/"qty": 5/' "$1" """)
        await type_and_edit(pilot, "cart")
        await until(pilot, lambda: app.staged, "staged")
        assert app.staged[0].after == [{"sku": "A-1", "qty": 5}]
        assert not app.query_one(EditLine).typing


async def test_what_does_not_fit_is_there_when_the_editor_opens_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        use(monkeypatch, app, 'echo lots > "$1"')
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: "recorded as Decimal" in app.hint, "why")
        assert app.staged == ()
        use(monkeypatch, app, 'sed -i s/lots/12.50/ "$1"')
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: app.staged, "staged")
        assert app.staged[0].after == Decimal("12.50")


async def test_the_line_says_what_came_of_the_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        use(monkeypatch, app, "exit 1")
        await type_and_edit(pilot, "")
        await until(pilot, lambda: "type a key" in app.hint, "what is missing")
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: "ended with code 1" in app.hint, "that it failed")
        use(monkeypatch, app, "exit 0")
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: "nothing was changed" in app.hint, "that it is the same")
        monkeypatch.undo()
        monkeypatch.setenv("VISUAL", "true")
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: "cannot be lent" in app.hint, "that it cannot")
        monkeypatch.delenv("VISUAL")
        monkeypatch.delenv("EDITOR", raising=False)
        await type_and_edit(pilot, "amount")
        await until(pilot, lambda: "set $VISUAL or $EDITOR" in app.hint, "what to do")
        assert app.staged == ()


async def enter(pilot: Pilot[None], text: str) -> None:
    app = pilot.app
    line, entry = app.query_one(EditLine), app.query_one(EditInput)
    if not line.typing:
        app.on_mount()  # type: ignore[attr-defined]
    entry.value = text
    press(pilot, "enter")
    await pilot.pause()


async def test_staged_edits_are_saved_as_the_command_reads_them(tmp_path: Path) -> None:
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        for text in ("amount=5", "/cart/0/qty:=3", ":save edits.json"):
            await enter(pilot, text)
        await until(pilot, Path("edits.json").exists, "the file")
        assert stat.S_IMODE(Path("edits.json").stat().st_mode) == 0o600
        assert json.loads(Path("edits.json").read_text()) == ["amount=5", "/cart/0/qty:=3"]
        written = collect_overrides((), "edits.json")
        assert written == tuple(each.override for each in app.staged)
        await enter(pilot, ":save edits.json")
        await until(pilot, lambda: "is there already" in app.hint, "that nothing is lost")


async def test_edits_are_loaded_together_and_taken_back_together() -> None:
    Path("edits.json").write_text('{"payment_token": "tok_new", "/size/0": 7}')
    app = EditApp()
    async with app.run_test(size=(120, 10)) as pilot:
        await enter(pilot, "amount=5")
        await enter(pilot, ":load edits.json")
        await until(pilot, lambda: len(app.staged) == 3, "all of it")
        assert [each.after for each in app.staged] == [Decimal(5), "tok_new", 7]
        assert app.query_one(EditLine).take_back()
        assert [each.after for each in app.staged] == [Decimal(5)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        ("7", "holds neither an object"),
        ('["payment_token=new", "amount=lots"]', "recorded as Decimal"),
        ('{"a=b": 1}', "the key of /a=b cannot be written before an equals sign"),
    ],
)
async def test_a_file_that_does_not_fit_stages_nothing(content: str | None, sentence: str) -> None:
    if content is not None:
        Path("edits.json").write_text(content)
    app = EditApp()
    async with app.run_test(size=(200, 10)) as pilot:
        await enter(pilot, ":load edits.json")
        await until(pilot, lambda: sentence in app.hint, "why")
        assert app.staged == ()
        assert app.query_one(EditLine).typing


async def test_no_secret_gets_to_an_editor_or_a_file(
    monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    app = EditApp()
    base = EditBase("charge", 2, {"card": Masked(16, b"f" * 16), "buyer": {"card": Masked(4, b"")}})
    async with app.run_test(size=(120, 10)) as pilot:
        app.query_one(EditLine).open(base)
        use(monkeypatch, app, 'cp "$1" seen')
        for place in ("card", "buyer"):
            await type_and_edit(pilot, place)
            await until(pilot, lambda: "no editor gets a secret" in app.hint, "why not")
        for text in ("card=4111222233334444", "note=x", ":save edits.json"):
            await enter(pilot, text)
        await until(pilot, Path("edits.json").exists, "the file")
        assert json.loads(Path("edits.json").read_text()) == ["note=x"]
        assert [each.pointer for each in app.staged] == ["/card", "/note"]
        assert app.staged[0].after == Masked(16, b"")
        app.query_one(EditLine).open(base)
        app.query_one(EditInput).value = "card=4999"
        await until(pilot, lambda: app.query_one(EditInput).password, "dots")
        assert "4999" not in app.export_screenshot()
        assert "4111" not in app.export_screenshot()
        said = [each.message for each in app._notifications]
        assert any("without 1 secret: /card" in each for each in said)
        await type_and_edit(pilot, "card")
        await until(pilot, lambda: "no editor gets a secret" in app.hint, "why not")
    assert not Path("seen").exists()
    assert not list(runtime.iterdir())
