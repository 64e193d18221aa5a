"""Which sagas ``sagaz replay batch`` is about, and what is said to those who ask wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.batch_shop import BATCH, rows, selected, words
from tests.cli.command import Command


@pytest.mark.usefixtures("orders_store")
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], ["order_1", "order_2", "order_3", "parcel_7"]),
        (["--name", "Order"], ["order_1", "order_2", "order_3"]),
        (["--name", "P*"], ["parcel_7"]),
        (["--prefix", "order_"], ["order_1", "order_2", "order_3"]),
        (["--tag", "region=south"], ["order_2", "order_3"]),
        (["--failed-step", "send"], ["parcel_7"]),
        (["--error", "token expired"], ["order_1", "order_2", "order_3"]),
        (["--key", "currency=EUR"], ["order_1", "order_2"]),
        (["--key", "amount=99.90", "--key", 'currency:="USD"'], ["order_3"]),
        (["--key", "parcel:=7"], ["parcel_7"]),
        (["--where", "error.contains('no address')"], ["parcel_7"]),
        (["--since", "1h", "--prefix", "parcel"], ["parcel_7"]),
        (["--until", "1h"], []),
        (["--status", "completed", "--from-step", "ship"], ["order_4"]),
    ],
)
def test_every_condition_given_holds_for_those_selected(
    command: Command, conditions: list[str], expected: list[str]
) -> None:
    assert selected(command, *conditions) == expected


@pytest.mark.usefixtures("orders_store")
def test_a_batch_can_be_about_named_sagas_alone(command: Command, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("order_3\nparcel_7\n")
    assert selected(command, "--ids", "ids.txt") == ["order_3", "parcel_7"]


@pytest.mark.usefixtures("orders_store")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ids", "none.txt"], "cannot read --ids 'none.txt'"),
        (["--ids", "/dev/null"], "--ids '/dev/null' holds no id; write one a line"),
        (["--ids", "-", "--overrides", "-"], "cannot both be read from stdin"),
        (["--status", "broken"], "--status 'broken' is none"),
        (["--tag", "region"], "--tag 'region' is no tag"),
        (["--until", "soon"], "--until 'soon' is no time"),
        (["--key", "currency"], "--key 'currency' is no key and value"),
        (["--key", "currency=@EUR"], "--key 'currency=@EUR' is no key and value"),
        (["--key", "/a/b=1"], "--key '/a/b=1' is no key and value"),
        (["--key", "a:={"], "--key 'a:={' is no key and value"),
        (["--key", "a=1", "--key", "a=2"], "--key a is there twice"),
        (["--where", "context.amount >"], "ends too early"),
        (["--where", "contxt.amount > 1"], "contxt"),
        (["--override", "token"], "a text of length 5 without an equals sign"),
        (["--override-file", "none.csv"], "cannot read --override-file 'none.csv'"),
        (["--rate", "0"], "rate is 0"),
        (["--dry-run", "--simulate"], "leave one of them out"),
        (["--concurrency", "0"], "'--concurrency'"),
        (["--stop-after-failures", "0"], "'--stop-after-failures'"),
        (["--factory", "nothing_here:make"], "cannot be imported"),
    ],
)
def test_wrong_usage_ends_with_2_and_runs_nothing(
    command: Command, orders_store: Path, arguments: list[str], said: str
) -> None:
    before = rows(orders_store)
    done = command(*BATCH, *arguments, "--yes")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert rows(orders_store) == before


@pytest.mark.usefixtures("orders_store")
def test_an_expression_that_would_run_for_long_is_stopped_with_a_sentence(
    command: Command, orders_store: Path
) -> None:
    before = rows(orders_store)
    numbers = "[1,2,3,4,5,6,7,8,9,10]"
    expression = "true"
    for name in "abcdefghij":
        expression = f"{numbers}.all({name}, {expression})"
    done = command(*BATCH, "--where", expression, "--yes")
    assert (done.code, done.out) == (2, "")
    assert "the expression" in done.err
    assert done.err.count("\n") == 1
    assert rows(orders_store) == before


@pytest.mark.usefixtures("orders_store")
@pytest.mark.parametrize("how", [["--yes"], ["--dry-run"], ["--simulate"]])
def test_where_no_saga_matches_all_is_well(
    command: Command, orders_store: Path, how: list[str]
) -> None:
    before = rows(orders_store)
    done = command(*BATCH, "--prefix", "nobody", *how, "--format", "json")
    assert done.code == 0
    assert (done.json["total"], done.json["items"]) == (0, [])
    assert "sagaz: no saga matches" in words(done)
    assert rows(orders_store) == before
