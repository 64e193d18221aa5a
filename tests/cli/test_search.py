"""``sagaz search`` and ``sagaz sagas --where``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sagaz_core.storage.backends import RedisSnapshotStorage
from tests.cli.command import Command
from tests.cli.shop import HOSTILE_ID, Order, order, record_shop


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> None:
    asyncio.run(record_shop(tmp_path / "sagaz.db"))


def test_each_checkpoint_at_which_it_becomes_true_is_a_row(command: Command) -> None:
    done = command("search", "order_1", "kind == 'step_failed' || status == 'failed'")
    assert (done.code, done.err) == (0, "")
    header, first, second = done.out.splitlines()
    assert header.split() == ["#", "TIME", "KIND", "STEP", "STATUS"]
    assert (first.split()[0], first.split()[3:]) == ("#3", ["step_failed", "charge", "executing"])
    assert (second.split()[0], second.split()[3]) == ("#6", "failed")
    assert len(command("search", "order_1", "seq > 1", "--format", "table").out.splitlines()) == 2


def test_json_has_the_matches_and_what_was_looked_at(command: Command) -> None:
    done = command("search", "order_1", "'reserve' in completed", "--format", "json").json
    assert (done["saga_id"], done["searched"], done["unanswered"], done["unknown_keys"]) == (
        "order_1",
        6,
        0,
        [],
    )
    (match,) = done["matches"]
    assert (match["sequence"], match["kind"], match["step_name"]) == (2, "before_step", "charge")


def test_what_is_never_true_says_so_and_names_a_key_that_nobody_has(command: Command) -> None:
    done = command("search", "order_1", "context.amuont > 5")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "sagaz: it is true at none of the 6 checkpoints of order_1",
        "sagaz: no checkpoint has the key 'amuont', named at column 9; `sagaz show` lists the keys",
    ]
    assert command("search", "order_1", "false", "--format", "json").json["matches"] == []


def test_where_there_is_no_answer_stderr_says_so(command: Command) -> None:
    done = command("search", "order_1", "context.payment_token > 5")
    assert done.err.splitlines()[1] == (
        "sagaz: no answer, taken for false, at #1 and 5 more: "
        "a text is neither more nor less than a number"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "order_9", "true"], 3, "no saga 'order_9'"),
        (["search", "order_1", "context.amount >"], 2, "ends too early"),
        (
            ["search", "order_1", "contxt.a"],
            2,
            "no name 'contxt', at column 1; did you mean context",
        ),
        (["search", "a\nb", "true"], 2, "printable characters only"),
        (["sagas", "--where", "foo"], 2, "there is no name 'foo', at column 1"),
        (["sagas", "--where", "\x1b]0;owned\x07"], 2, "cannot be read at column 1"),
        (
            [
                "search",
                "order_1",
                "[1]" + ".map(y, [y, y])" * 40 + " == [1]" + ".map(y, [y, y])" * 40,
            ],
            2,
            "takes too long at checkpoint #1",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    command: Command, arguments: list[str], code: int, words: str
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert done.err.replace("\n", "").isprintable()


def test_sagas_can_be_narrowed_by_what_is_true_of_their_latest_checkpoint(
    command: Command,
) -> None:
    def ids(where: str, *more: str) -> list[str]:
        done = command("sagas", "--where", where, *more, "--format", "json")
        assert done.code == 0
        return [saga["saga_id"] for saga in done.json]

    assert ids("context.amount < 100") == ["order_1", "order_2"]
    assert ids("context.amount < 100", "--status", "failed") == ["order_1"]
    assert ids("status == 'completed'") == ["order_2"]
    assert ids("error.startsWith('PermissionError')") == ["order_1"]
    assert ids("context.ship.tracking == 'trk_1'") == ["order_2"]
    assert ids("has(context.echo)") == [HOSTILE_ID]
    done = command("sagas", "--where", "seq > 99")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "sagaz: no sagas match",
        "sagaz: read the latest checkpoint of 3 sagas",
    ]


def test_a_limit_holds_with_where_too(command: Command) -> None:
    done = command("sagas", "--where", "true", "--limit", "2", "--format", "json")
    assert len(done.json) == 2
    assert "more than 2 sagas match; --limit shows more" in done.err


def test_it_looks_into_a_redis_store_as_well(command: Command, redis_url: str) -> None:
    async def record() -> None:
        async with RedisSnapshotStorage(redis_url=f"{redis_url}/5") as store:
            await Order(order(), saga_id="order_7", snapshot_storage=store).execute()

    asyncio.run(record())
    place = ("--storage-url", f"{redis_url}/5", "--format", "json")
    found = command("search", "order_7", "error != ''", *place).json
    assert [match["sequence"] for match in found["matches"]] == [3, 6]
    assert len(command("sagas", "--where", "context.amount > 50", *place).json) == 1
    assert len(command("lineage", "order_7", *place).json["branches"]) == 1
    assert command("compare", "order_7", "order_7", *place).json["same"] is True
