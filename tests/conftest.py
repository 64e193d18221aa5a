"""What tests of every room may use: a Redis server of this test process's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server; tests keep apart by key prefixes of their own.

    ``SAGAZ_TEST_REDIS_URL`` names one to use instead of starting one.
    """
    named = os.environ.get("SAGAZ_TEST_REDIS_URL")
    if named:
        yield named
        return
    # Not before pytest has begun: the package has its own tests' assertions rewritten.
    from sagaz_core.testing.redis_server import RedisServer

    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url
