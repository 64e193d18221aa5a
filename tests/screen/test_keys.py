"""One table of keys, from which bindings, footer, help and README come."""

from __future__ import annotations

from itertools import combinations

import pytest
from textual.keys import _character_to_key

from sagaz_core.errors import UsageError
from sagaz_tui.keys.readme import keys_markdown
from sagaz_tui.keys.remapped import check_remap
from sagaz_tui.keys.table import (
    INSIDE,
    KEYS,
    PLACES,
    bindings_for,
    keys_called,
    keys_in,
    shown_keys,
)


def names(keys: str) -> set[str]:
    """The keys of a row as Textual knows them."""
    return {_character_to_key(key) if len(key) == 1 else key for key in keys.split(",")}


def test_every_id_is_there_once() -> None:
    ids = [key.id for key in KEYS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("where", PLACES)
def test_no_key_means_two_things_in_one_place(where: str) -> None:
    for one, other in combinations([key for key in KEYS if key.where == where], 2):
        assert not names(one.keys) & names(other.keys), (one.id, other.id)


def test_what_works_everywhere_is_taken_by_no_place() -> None:
    everywhere = set().union(*(names(key.keys) for key in keys_in("everywhere")))
    for key in KEYS:
        if key.where != "everywhere":
            assert not names(key.keys) & everywhere, key.id


def test_only_capital_r_asks_for_a_replay() -> None:
    acting = [key for key in KEYS if "replay" in key.id]
    assert {key.keys for key in acting} == {"R"}


def test_bindings_carry_the_id_that_a_remap_uses() -> None:
    bound = {binding.id: binding for binding in bindings_for("list")}
    assert bound["list.open"].key == "enter"
    assert bound["list.open"].action == "open"
    assert bound["list.failed"].action == "view('failed')"


def test_keys_are_shown_as_a_person_reads_them() -> None:
    down = next(key for key in KEYS if key.id == "list.down")
    assert shown_keys(down, {}) == ["j", "↓"]
    assert shown_keys(down, {"list.down": "n,pagedown"}) == ["n", "PgDn"]
    assert keys_called("back", {}) == "esc"


def test_the_readme_table_names_every_key_once() -> None:
    table = keys_markdown()
    for key in KEYS:
        assert table.count(f"| `{key.id}` |") == 1
    assert "| Saga list | `enter` | open the saga in the debugger | `list.open` |" in table


@pytest.mark.parametrize(
    ("remapped", "complaint"),
    [
        ({"list.opne": "o"}, "did you mean 'list.open'"),
        ({"nothing like it": "o"}, "the help screen lists the names"),
        ({"list.open": "j"}, "the settings give the key 'j' to both 'list.open' and 'list.down'"),
        ({"list.open": "q"}, "to both 'list.open' and 'quit'"),
        ({"quit": "enter"}, "give the key 'enter' to both"),
    ],
)
def test_a_remap_that_cannot_be_meant_is_refused(remapped: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint.replace("(", r"\(")):
        check_remap(remapped)


def test_two_keys_may_be_swapped() -> None:
    check_remap({"list.plan": "R", "list.replay": "d"})


def test_places_lie_inside_others_that_exist() -> None:
    assert set(INSIDE) | set(INSIDE.values()) <= set(PLACES)
