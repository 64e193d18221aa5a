"""Redis over TLS, as far as whoever names an authority can be sure whom it talks to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from sagaz_core.errors import StorageUnavailableError
from sagaz_core.model import SagaSnapshot
from sagaz_core.storage.backends import RedisSnapshotStorage
from sagaz_core.storage.storage import SnapshotStorage
from sagaz_core.storage.url import open_storage
from tests.storage.redis_proxy import RedisProxy, redis_proxy


def authority(path: Path) -> trustme.CA:
    """Make an authority, and a file with its certificate."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(path))
    return made


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """The file of the authority that vouches for the server."""
    return tmp_path / "trusted.pem"


@pytest.fixture
async def tls(redis_url: str, trusted: Path) -> AsyncIterator[RedisProxy]:
    """A server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority(trusted).issue_cert("127.0.0.1").configure_cert(context)
    async with redis_proxy(redis_url, context) as proxy:
        yield proxy


def store(url: str, tmp_path: Path) -> SnapshotStorage:
    return RedisSnapshotStorage(url, key_prefix=f"{tmp_path}:")


async def test_a_saga_is_recorded_read_and_followed_over_tls(
    tls: RedisProxy, trusted: Path, tmp_path: Path
) -> None:
    url = f"{tls.url}?ssl_ca_certs={trusted}"
    async with store(url, tmp_path) as storage, store(url, tmp_path) as other:
        following = asyncio.create_task(anext(other.follow("s")))
        await storage.save_snapshot(SagaSnapshot(saga_id="s", saga_name="S", context={"n": 1}))
        assert (await following).context == {"n": 1}
        assert [saga.saga_id for saga in (await other.list_sagas()).sagas] == ["s"]
        assert (await other.health_check()).status == "ok"


async def test_an_address_alone_opens_a_store_over_tls(tls: RedisProxy, trusted: Path) -> None:
    async with open_storage(f"{tls.url}?ssl_ca_certs={trusted}") as storage:
        assert await storage.get_saga("nobody") is None


async def test_a_server_for_which_another_authority_vouches_is_refused_in_words(
    tls: RedisProxy, tmp_path: Path
) -> None:
    authority(tmp_path / "other.pem")
    storage = store(f"{tls.url}?ssl_ca_certs={tmp_path}/other.pem", tmp_path)
    with pytest.raises(StorageUnavailableError) as refused:
        await storage.open()
    assert f"{tls.url} shows a certificate that is not trusted" in str(refused.value)
    assert "?ssl_ca_certs=FILE" in str(refused.value)


async def test_a_server_whose_authority_was_not_named_is_refused_in_words(
    tls: RedisProxy, tmp_path: Path
) -> None:
    with pytest.raises(StorageUnavailableError, match=r"\?ssl_ca_certs=FILE"):
        await store(tls.url, tmp_path).open()


async def test_an_authority_s_file_that_is_not_there_is_said_to_be(
    tls: RedisProxy, tmp_path: Path
) -> None:
    with pytest.raises(StorageUnavailableError, match="is not there; check its ssl_ca_certs"):
        await store(f"{tls.url}?ssl_ca_certs={tmp_path}/missing.pem", tmp_path).open()


async def test_a_server_with_tls_is_not_spoken_to_without_it(
    tls: RedisProxy, tmp_path: Path
) -> None:
    url = tls.url.replace("rediss://", "redis://")
    with pytest.raises(StorageUnavailableError, match="cannot be reached"):
        await store(url, tmp_path).open()
