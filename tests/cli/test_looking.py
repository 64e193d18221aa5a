"""The commands that look: lists, stories, differences, blame, the state back then."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.command import Command
from tests.cli.shop import HOSTILE_ID, record_shop

LOOKING = [
    ["sagas"],
    ["show", "order_1"],
    ["diff", "order_1", "1", "#3"],
    ["blame", "order_1", "lines"],
    ["lineage", "order_1"],
    ["compare", "order_1", "order_2"],
    ["search", "order_1", "context.amount > 50"],
    ["replay", "time-travel", "order_1", "--at", "2999-01-01T00:00:00Z"],
    ["replay", "time-travel", "order_1", "--at", "2999-01-01T00:00:00Z", "--key", "amount"],
    ["replay", "list-changes", "order_1"],
    ["replay", "history", "order_1"],
]
ON_HOSTILE = [
    ["sagas"],
    ["show", HOSTILE_ID],
    ["diff", HOSTILE_ID, "1", "3"],
    ["blame", HOSTILE_ID, "echo"],
    ["replay", "time-travel", HOSTILE_ID, "--at", "2999-01-01T00:00:00Z"],
    ["replay", "time-travel", HOSTILE_ID, "--at", "2999-01-01T00:00:00Z", "--key", "note"],
    ["replay", "list-changes", HOSTILE_ID],
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "shop.db"
    asyncio.run(record_shop(path))
    return path


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path / "sagaz.db"))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("format", ["text", "table", "json"])
@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_every_look_succeeds_in_every_format(
    command: Command, arguments: list[str], format: str
) -> None:
    done = command(*arguments, "--format", format)
    assert done.code == 0, done.err
    if format == "json":
        assert done.json is not None
    if arguments[:2] != ["replay", "history"]:
        assert done.out
        assert done.err == ""


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_looking_changes_no_byte_of_the_store(
    command: Command, store: Path, arguments: list[str]
) -> None:
    before = hashlib.sha256(store.read_bytes()).digest()
    assert command(*arguments).code == 0
    assert hashlib.sha256(store.read_bytes()).digest() == before


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("format", ["text", "table", "json"])
@pytest.mark.parametrize("arguments", ON_HOSTILE, ids=lambda arguments: " ".join(arguments[:2]))
def test_nothing_recorded_reaches_the_terminal_unescaped(
    command: Command, arguments: list[str], format: str
) -> None:
    done = command(*arguments, "--format", format)
    assert done.code == 0, done.err
    assert done.out.replace("\n", "").isprintable()
    assert "owned" in done.out


@pytest.mark.usefixtures("store")
def test_the_list_shows_the_newest_first_and_how_each_ended(command: Command) -> None:
    done = command("sagas")
    header, *rows = done.out.splitlines()
    assert header.split() == ["ID", "SAGA", "STATUS", "STEP", "AGE", "CHECKPOINTS", "ERROR"]
    assert [row.split()[0] for row in rows] == ["order_1", "order_2", HOSTILE_ID]
    assert "failed, rolled back" in rows[0]
    assert rows[0].endswith("PermissionError: token expired")
    assert "completed" in rows[1]


@pytest.mark.usefixtures("store")
def test_the_list_can_be_narrowed(command: Command) -> None:
    def ids(*arguments: str) -> list[str]:
        return [saga["saga_id"] for saga in command("sagas", *arguments, "--format", "json").json]

    assert ids("--status", "completed") == ["order_2"]
    assert ids("--prefix", "order_") == ["order_1", "order_2"]
    assert ids("--name", "Ord*", "--status", "failed") == ["order_1", HOSTILE_ID]
    assert ids("--since", "2h") == ["order_1", "order_2", HOSTILE_ID]
    assert ids("--since", "2999-01-01T00:00:00Z") == []


@pytest.mark.usefixtures("store")
def test_a_list_cut_short_says_so_on_stderr(command: Command) -> None:
    done = command("sagas", "--limit", "2", "--format", "json")
    assert len(done.json) == 2
    assert done.err == "sagaz: more than 2 sagas match; --limit shows more\n"


@pytest.mark.usefixtures("store")
def test_an_empty_list_says_so_on_stderr_and_is_a_list_in_json(command: Command) -> None:
    assert command("sagas", "--prefix", "x").err == "sagaz: no sagas match\n"
    assert command("sagas", "--prefix", "x", "--format", "json").json == []


@pytest.mark.usefixtures("store")
def test_a_story_has_the_timeline_the_error_and_the_context(command: Command) -> None:
    data = command("show", "order_1", "--format", "json").json
    assert data["status"] == "failed"
    assert data["compensation"] == "completed"
    assert [entry["kind"] for entry in data["timeline"]] == [
        "before_step",
        "before_step",
        "step_failed",
        "before_compensation",
        "after_compensation",
        "failed",
    ]
    assert data["timeline"][2]["attempts"] == 2
    assert data["timeline"][2]["error"]["message"] == "token expired"
    assert data["run"]["steps"] == ["reserve", "charge", "ship"]
    assert data["context"]["amount"] == {"$decimal": "99.90"}
    assert data["context"]["size"] == {"$tuple": [30, 20]}
    assert data["context"]["placed_at"] == {"$datetime": "2024-12-15T10:30:00+00:00"}
    text = command("show", "order_1").out
    assert "PermissionError: token expired" in text
    assert "99.90" in text


@pytest.mark.usefixtures("store")
def test_a_diff_is_a_line_a_difference_with_types_where_they_are_not_plain(
    command: Command,
) -> None:
    assert command("diff", "order_1", "1", "2").out.splitlines() == [
        '+ /lines/1  {"sku": "B", "qty": 1}',
        '+ /reserve  {"reservation": "rsv_1"}',
    ]
    data = command("diff", "order_1", "1", "2", "--format", "json").json
    assert data[0] == {"path": "/lines/1", "kind": "added", "after": {"sku": "B", "qty": 1}}
    same = command("diff", "order_1", "2", "2")
    assert (same.code, same.out, same.err) == (0, "", "sagaz: #2 and #2 hold the same\n")


@pytest.mark.usefixtures("store")
def test_blame_names_who_set_each_value(command: Command) -> None:
    data = command("blame", "order_1", "lines", "--format", "json").json
    assert [(entry["sequence"], entry["step_name"]) for entry in data] == [
        (2, "reserve"),
        (1, None),
    ]
    assert data[1]["value"] == [{"sku": "A", "qty": 2}]
    rows = command("blame", "order_1", "lines").out.splitlines()
    assert "reserve" in rows[1]
    assert "the start" in rows[2]


@pytest.mark.usefixtures("store")
def test_time_travel_shows_the_state_at_a_moment(command: Command) -> None:
    timeline = command("show", "order_1", "--format", "json").json["timeline"]
    done = command(
        "replay", "time-travel", "order_1", "--at", timeline[1]["created_at"], "--format", "json"
    )
    assert done.json["saga_id"] == "order_1"
    assert done.json["status"] == "executing"
    assert done.json["completed_steps"] == ["reserve"]
    assert done.json["context"]["payment_token"] == "tok_expired"
    assert done.json["results"] == {"reserve": {"reservation": "rsv_1"}}


@pytest.mark.usefixtures("store")
def test_time_travel_can_give_one_value(command: Command) -> None:
    def value(key: str, *more: str) -> str:
        at = ("--at", "2999-01-01T00:00:00Z")
        return command("replay", "time-travel", "order_1", *at, "--key", key, *more).out

    assert value("payment_token") == "tok_expired\n"
    assert value("amount") == "99.90\n"
    assert value("payment_token", "--format", "json") == '"tok_expired"\n'


@pytest.mark.usefixtures("store")
def test_changes_are_listed_in_order_with_their_cause_and_can_be_narrowed(
    command: Command,
) -> None:
    data = command("replay", "list-changes", "order_1", "--format", "json").json
    assert [change["sequence"] for change in data] == [1, 2, 3, 4, 5, 6]
    assert data[1]["caused_by"] == {"lines": "reserve", "reserve": "reserve"}
    latest = command("replay", "list-changes", "order_1", "--limit", "2", "--format", "json").json
    assert [change["sequence"] for change in latest] == [5, 6]
    none = command(
        "replay", "list-changes", "order_1", "--after", "2999-01-01T00:00:00Z", "--format", "json"
    )
    assert none.json == []
    text = command("replay", "list-changes", "order_1").out
    assert "by reserve\n  + /lines/1" in text


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "order_9"], "no saga 'order_9' in this store; `sagaz sagas` lists"),
        (["diff", "order_9", "1", "2"], "no saga 'order_9'"),
        (["diff", "order_1", "1", "99"], "99"),
        (["blame", "order_9", "k"], "no saga 'order_9'"),
        (["blame", "order_1", "k"], "never had a key 'k'"),
        (["replay", "time-travel", "order_9", "--at", "2h ago"], "no saga 'order_9'"),
        (["replay", "time-travel", "order_1", "--at", "1999-01-01T00:00Z"], "no checkpoint yet"),
        (
            ["replay", "time-travel", "order_1", "--at", "2999-01-01T00:00Z", "--key", "k"],
            "had no key 'k' then; it had amount",
        ),
        (["replay", "list-changes", "order_9"], "no saga 'order_9'"),
        (["replay", "history", "order_9"], "no saga 'order_9'"),
    ],
)
def test_what_is_not_there_ends_with_3_and_a_sentence(
    command: Command, arguments: list[str], words: str
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("sagaz: ")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "time-travel", "order_1", "--at", "yesterday"], "--at 'yesterday' is no time"),
        (["replay", "list-changes", "order_1", "--after", "x"], "--after 'x' is no time"),
        (["replay", "list-changes", "order_1", "--before", ""], "--before '' is no time"),
        (["sagas", "--since", "soon"], "--since 'soon' is no time"),
        (["sagas", "--status", "broken"], "--status 'broken' is none; use executing"),
        (["sagas", "--storage", "memory"], "lives inside the process that records"),
        (["sagas", "--storage-url", "memory://"], "lives inside the process that records"),
        (["sagas", "--storage", "oracle"], "unknown storage 'oracle'"),
        (["sagas", "--storage-url", "oracle://x"], "unknown storage 'oracle'"),
        (["diff", "order_1", "one", "2"], "'one' is no checkpoint's number"),
        (["show", ""], "a saga id has 1 to 256 characters"),
        (["show", "a\nb"], "a saga id holds printable characters only"),
        (["replay", "history", "x" * 257], "this one has 257"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(
    command: Command, arguments: list[str], words: str
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_missing_store_ends_with_4_and_is_not_made(command: Command, tmp_path: Path) -> None:
    for arguments in LOOKING:
        done = command(*arguments)
        assert (done.code, done.out) == (4, "")
        assert "sagaz.db" in done.err
        assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_ends_with_4_and_a_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text(
        "not a database, only words, though quite a few of them\n" * 9
    )
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "empty.db").touch()
    for name in ("text.db", "folder.db", "empty.db", "missing/store.db"):
        done = command("sagas", "--storage", "sqlite", "--storage-url", name)
        assert (done.code, done.out) == (4, ""), name
        assert done.err.startswith("sagaz: ")
        assert done.err.count("\n") == 1


def test_a_store_of_a_newer_sagaz_ends_with_4_and_is_left_alone(
    command: Command, store: Path
) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA user_version = 99")
    before = store.read_bytes()
    done = command("sagas")
    assert (done.code, done.out) == (4, "")
    assert "newer" in done.err
    assert done.err.count("\n") == 1
    assert store.read_bytes() == before


def test_a_redis_server_that_is_not_there_is_named_without_its_password(
    command: Command,
) -> None:
    done = command("sagas", "--storage", "redis", "--storage-url", "redis://me:geheim@127.0.0.1:1")
    assert (done.code, done.out) == (4, "")
    assert "redis://127.0.0.1:1 cannot be reached" in done.err
    assert "geheim" not in done.err


def test_looking_at_an_empty_redis_server_says_that_there_is_no_store(
    command: Command, redis_url: str
) -> None:
    done = command("sagas", "--storage-url", f"{redis_url}/7")
    assert (done.code, done.out) == (4, "")
    assert "there is no store" in done.err


def test_the_store_can_be_named_by_flag_environment_or_file(
    command: Command, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("sagas", "--storage-url", f"sqlite:///{recorded}").code == 0
    assert command("sagas", "--storage", "sqlite", "--storage-url", str(recorded)).code == 0
    (tmp_path / "sagaz.toml").write_text(f'storage_url = "sqlite:///{recorded}"')
    assert command("sagas").code == 0
    monkeypatch.setenv("SAGAZ_STORAGE_URL", "sqlite:///elsewhere.db")
    assert command("sagas").code == 4
