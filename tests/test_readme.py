"""The README says what is true now."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sagaz_tui.keys.readme import with_keys

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def snippet(word: str) -> str:
    """The one snippet of Python in which a word occurs."""
    (found,) = [text for text in SNIPPETS if word in text]
    return found


def test_the_table_of_keys_is_the_one_that_the_program_has() -> None:
    assert with_keys(README) == README


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (Path(__file__).parents[1] / picture).is_file(), picture


def test_the_library_in_twenty_lines_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Its last lines run it and forget to close the store, which a test has to do.
    code = (
        snippet("class OrderSaga")
        .replace("asyncio.run(main())", "")
        .replace('SQLiteSnapshotStorage("sagaz.db")', "storages[0]")
    )
    from sagaz_core.storage.backends import SQLiteSnapshotStorage

    names: dict[str, Any] = {"__name__": "readme", "storages": []}

    async def run() -> None:
        async with SQLiteSnapshotStorage("sagaz.db") as storage:
            names["storages"].append(storage)
            await names["main"]()

    exec(code, names)
    asyncio.run(run())
    said = capsys.readouterr().out
    assert re.search(r"released rsv_1\nfailed -> success \S+~r1", said)


async def test_finding_keeping_and_moving_run(tmp_path: Path) -> None:
    from sagaz_core import SagaSnapshot
    from sagaz_core.storage.backends import InMemorySnapshotStorage, SQLiteSnapshotStorage
    from sagaz_core.storage.capture import capture

    names: dict[str, Any] = {}
    exec(snippet("copy_sagas"), names)
    async with (
        SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage,
        InMemorySnapshotStorage() as archive,
    ):
        writer = storage.writer(saga_id="s1", saga_name="OrderSaga", tags={"order_id": "8841"})
        await writer.append(
            capture(SagaSnapshot(saga_id="s1", saga_name="OrderSaga", status="completed"))
        )
        found, report, health, wrong = await names["keep_house"](storage, archive)
        assert [saga.saga_id for saga in found.sagas] == ["s1"]
        assert report.copied == 1
        assert (health.status, wrong) == ("ok", [])
        assert await archive.get_saga("s1") is not None


async def test_the_recorder_around_a_plain_function_runs(tmp_path: Path) -> None:
    from sagaz_core.storage.backends import SQLiteSnapshotStorage

    names: dict[str, Any] = {}
    exec(snippet("SagaRecorder"), names)
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await names["nightly_import"](storage, {})
        timeline = await storage.list_checkpoints("import_7")
        state = await storage.get_checkpoint("import_7", 3)
    assert [entry.kind for entry in timeline] == ["before_step", "before_step", "completed"]
    assert state.state == {"rows": [1, 2, 3], "loaded": 3, "download": [1, 2, 3]}


async def test_the_plain_function_is_replayed(tmp_path: Path) -> None:
    from sagaz_core.storage.backends import SQLiteSnapshotStorage

    names: dict[str, Any] = {}
    exec(snippet("import SagaRecorder"), names)
    exec(snippet("class Import"), names)
    async with SQLiteSnapshotStorage(tmp_path / "sagaz.db") as storage:
        await names["nightly_import"](storage, {})
        result = await names["load_again"](storage)
        timeline = await storage.list_checkpoints("import_7~r1")
    assert (result.status, result.context) == ("success", {"rows": [1, 2, 3], "loaded": 3})
    assert [entry.step_name for entry in timeline] == ["load", None]


async def test_secrets_are_kept_and_a_key_service_wraps_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sagaz_core import ComplianceConfig, SagaSnapshot
    from sagaz_core.storage.backends import SQLiteSnapshotStorage

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAGAZ_KEYS", "2027=" + "QUFB" * 10 + "QUE=")
    names: dict[str, Any] = {}
    exec(snippet("KeyRing.from_environment"), names)
    await names["storage"].save_snapshot(
        SagaSnapshot(saga_id="o1", saga_name="Order", context={"ssn": "078-05-1120"})
    )
    assert (await names["storage"].get_checkpoint("o1", 1)).context["ssn"] == "078-05-1120"
    await names["storage"].close()
    assert b"078-05" not in (tmp_path / "orders.db").read_bytes()

    exec(snippet("class Kms"), names)

    class Service:
        """Keeps what it is given under a number."""

        kept: ClassVar[list[bytes]] = []

        async def encrypt(self, **given: Any) -> dict[str, bytes]:
            self.kept.append(given["Plaintext"])
            return {"CiphertextBlob": bytes([len(self.kept) - 1])}

        async def decrypt(self, **given: Any) -> dict[str, bytes]:
            return {"Plaintext": self.kept[given["CiphertextBlob"][0]]}

    compliance = ComplianceConfig(
        enable_encryption=True,
        sensitive_fields=["ssn"],
        key_provider=names["Kms"](Service(), "alias/sagaz"),
    )
    async with SQLiteSnapshotStorage("kms.db", compliance=compliance) as storage:
        await storage.save_snapshot(
            SagaSnapshot(saga_id="o1", saga_name="Order", context={"ssn": "078-05-1120"})
        )
    async with SQLiteSnapshotStorage("kms.db", compliance=compliance) as storage:
        assert (await storage.get_checkpoint("o1", 1)).context["ssn"] == "078-05-1120"
