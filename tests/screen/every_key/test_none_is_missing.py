"""A key is found that is in the table and not walked here, or that works and is in no table."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from textual.dom import DOMNode
from textual.screen import ModalScreen

import sagaz_tui
from sagaz_tui.app import SagazApp
from sagaz_tui.keys.table import KEYS
from sagaz_tui.screens.base import SagazScreen
from sagaz_tui.widgets.lines import LinePane
from sagaz_tui.widgets.why import WhyPane
from tests.screen.every_key import (
    test_batch,
    test_debugger,
    test_list,
    test_replaying,
    test_sheets,
)
from tests.screen.every_key.walking import EVERYWHERE, LEAVES


def test_every_key_of_the_table_is_pressed_somewhere() -> None:
    walks = [EVERYWHERE, LEAVES]
    for module in (test_batch, test_debugger, test_list, test_replaying, test_sheets):
        walks += module.WALKS
    pressed = {(step.id, step.key) for walk in walks for step in walk if step.id}
    known = {(key.id, name) for key in KEYS for name in key.keys.split(",")}
    assert pressed == known


def test_no_key_works_that_is_not_in_the_table() -> None:
    for module in pkgutil.walk_packages(sagaz_tui.__path__, "sagaz_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    known = {key.id for key in KEYS}
    for kind in (SagazApp, WhyPane, *kinds_of(SagazScreen), *kinds_of(LinePane)):
        bound = kind._merge_bindings().key_to_bindings
        others = {
            key for key, bindings in bound.items() for each in bindings if each.id not in known
        }
        assert not others, kind
        # A sheet hides the keys of what lies below it; the way out works there too.
        if issubclass(kind, ModalScreen) and "PLACE" in vars(kind):
            assert {"escape", "ctrl+q"} <= set(bound), kind


def kinds_of(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    """A class and all that are made from it."""
    yield kind
    for each in kind.__subclasses__():
        yield from kinds_of(each)
