"""A file of overrides for the sagas of a batch: what may stand in it, and what is said if not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sagaz_core.errors import UsageError
from sagaz_core.replay.overrides import read_override
from sagaz_tui.batch.override_file import SagaOverrides, read_override_file


def read(folder: Path, name: str, text: str | bytes) -> SagaOverrides:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_override_file(str(path))


def as_texts(overrides: SagaOverrides) -> dict[str, list[str]]:
    return {saga_id: [str(each) for each in some] for saga_id, some in overrides.items()}


def test_a_table_sets_a_key_a_column_and_an_empty_cell_sets_nothing(tmp_path: Path) -> None:
    table = (
        "saga_id,token,/cart/0/qty,note\r\n"
        "order_1,tok_a,2,\r\n"
        '"order,2",,,"two\nlines"\r\n'
        "\r\n"
        "order_3,,,\r\n"
    )
    assert as_texts(read(tmp_path, "new.csv", table)) == {
        "order_1": ["token=tok_a", "/cart/0/qty=2"],
        "order,2": ["note=two\nlines"],
    }


def test_a_cell_is_read_as_the_type_recorded_there(tmp_path: Path) -> None:
    overrides = read(tmp_path, "new.CSV", "amount,saga_id\n12.50,order_1\n@name,order_2\n")
    (amount,), (text,) = overrides["order_1"], overrides["order_2"]
    assert read_override(amount, {"amount": Decimal(1)}) == ("/amount", Decimal("12.50"))
    # On a command line @ would name a file.
    assert read_override(text, {"amount": "x"}) == ("/amount", "@name")


def test_a_spreadsheet_s_mark_before_its_text_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert as_texts(read(tmp_path, "new.csv", b"\xef\xbb\xbfsaga_id,a\no,1\n")) == {"o": ["a=1"]}


def test_lines_of_json_give_values_of_any_kind_as_they_are_written(tmp_path: Path) -> None:
    lines = (
        '{"saga_id": "order_1", "overrides": {"rate": 0.10000000000000000001, "/a/b": null}}\n'
        "\n"
        '{"overrides": {}, "saga_id": "order_2"}\n'
    )
    assert as_texts(read(tmp_path, "new.jsonl", lines)) == {
        "order_1": ["rate:=0.10000000000000000001", "/a/b:=null"]
    }


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "line 1: the header '' has no column saga_id"),
        ("a.csv", "order_1,tok\n", "line 1: the header 'order_1,tok' has no column saga_id"),
        ("a.csv", "saga_id;token\n", "no column saga_id; write it as saga_id,token"),
        ("a.csv", "saga_id,a,a\no,1,2\n", "line 1: the header has the column 'a' twice"),
        ("a.csv", "saga_id,saga_id\n", "has the column 'saga_id' twice"),
        ("a.csv", "saga_id, a\n", "has a column ' a'; name a key without spaces"),
        ("a.csv", "saga_id,\n", "has a column ''"),
        ("a.csv", "saga_id,/a~b\n", "line 1: '/a~b' is no JSON Pointer"),
        ("a.csv", "saga_id\norder_1\n", "no column beside saga_id"),
        ("a.csv", "saga_id,a\n", "names no saga"),
        ("a.csv", "saga_id,a\no\n", "line 2: it has 1 cells and the header 2"),
        ("a.csv", "saga_id,a\no,1,2\n", "line 2: it has 3 cells and the header 2"),
        ("a.csv", 'saga_id,a\no,"1\n', "it is no CSV"),
        ("a.csv", "saga_id,a\n,1\n", "line 2: a saga id has 1 to 256 characters"),
        ("a.csv", "saga_id,a\no,1\np,1\no,2\n", "line 4: saga 'o' is in line 2 too"),
        ("a.csv", b"saga_id,a\no,\xff\n", "is no UTF-8 text"),
        ("a.jsonl", "", "names no saga"),
        ("a.jsonl", '\n{"saga_id": "o"\n', "line 2: "),
        ("a.jsonl", "[1]\n", "line 1: it is no object of saga_id and overrides; write it as"),
        ("a.jsonl", '{"saga_id": "o", "override": {}}\n', "no object of saga_id and overrides"),
        ("a.jsonl", '{"saga_id": "o", "overrides": [1]}\n', "its overrides are no object"),
        ("a.jsonl", '{"saga_id": 8841, "overrides": {}}\n', "line 1: a saga id is text, not int"),
        ("a.jsonl", '{"saga_id": "o", "overrides": {"a": NaN}}\n', "line 1: "),
        ("a.jsonl", '{"saga_id": "o", "overrides": {"/~": 1}}\n', "is no JSON Pointer"),
        ("a.jsonl", '{"saga_id": "o", "overrides": {}}\n' * 2, "line 2: saga 'o' is in line 1"),
        ("a.txt", "saga_id,a\n", "is neither .csv nor .jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line_and_the_reason(
    tmp_path: Path, name: str, text: str | bytes, words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, name, text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read --override-file '.*': No such file"):
        read_override_file(str(tmp_path / "nowhere.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        read_override_file(str(tmp_path / "folder.csv"))
