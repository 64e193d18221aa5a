"""What the errors of a Redis server and its driver mean, in words for a person."""

from __future__ import annotations

import ssl
from typing import TypeVar

from redis import exceptions

from sagaz_core.errors import ReadOnlyStoreError, StorageError, StorageUnavailableError
from sagaz_core.storage.backends.redis.address import describe

Cause = TypeVar("Cause", bound=BaseException)


def translate(error: Exception, url: str, waited: float) -> StorageError:
    """Return what a driver's error means to a person.

    Args:
        waited: seconds after which a reply was no longer waited for, if it is that.
    """
    place = describe(url)
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            return StorageUnavailableError(
                f"{place} does not accept this user and password; check those in the address"
            )
        case exceptions.NoPermissionError():
            return ReadOnlyStoreError(
                f"{place} does not allow this user to do that ({first_line(error)}); open the "
                "store read-only, or as a user who may"
            )
        case exceptions.ReadOnlyError():
            return ReadOnlyStoreError(
                f"{place} is a replica, which cannot be written; name the primary, or open the "
                "store read-only"
            )
        case exceptions.OutOfMemoryError():
            return StorageUnavailableError(
                f"{place} has no memory left; run `sagaz prune`, or raise its maxmemory"
            )
        case exceptions.BusyLoadingError():
            return StorageUnavailableError(
                f"{place} is still loading its data; try again in a moment"
            )
        case exceptions.TimeoutError() | TimeoutError():
            return StorageUnavailableError(
                f"{place} has not answered for {waited:.0f} s; check that the server is "
                "running and not overloaded"
            )
        case exceptions.ConnectionError() if "max number of clients" in str(error):
            return StorageUnavailableError(
                f"{place} has as many clients as it takes; end some, or raise its maxclients"
            )
        case _ if _comes_from(error, FileNotFoundError) and url.startswith("rediss:"):
            return StorageUnavailableError(
                f"a certificate's file that the address of {place} names is not there; check its "
                "ssl_ca_certs, ssl_certfile and ssl_keyfile"
            )
        case _ if (refused := _comes_from(error, ssl.SSLCertVerificationError)) is not None:
            return StorageUnavailableError(
                f"{place} shows a certificate that is not trusted ({refused.verify_message}); "
                "name its authority's with ?ssl_ca_certs=FILE at the end of the address"
            )
        case exceptions.ConnectionError() | exceptions.ClusterError() | OSError():
            return StorageUnavailableError(
                f"{place} cannot be reached ({first_line(error)}); start the server, or name "
                "another with --storage-url"
            )
        case exceptions.RedisClusterException():
            return StorageUnavailableError(
                f"the cluster at {place} cannot be used ({first_line(error)}); check that all "
                "its slots are served"
            )
        case _:
            return StorageError(f"{place} refused a command: {first_line(error)}")


def first_line(error: Exception) -> str:
    """Return an error's headline; its type where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _comes_from(error: BaseException | None, kind: type[Cause]) -> Cause | None:
    """Return what of this kind an error comes from; None: nothing."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
