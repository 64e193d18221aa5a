"""The contract of a store as tests: subclass :class:`StorageContract` for a backend of your own."""

from pkgutil import iter_modules

import pytest

# So that a broken promise shows what was found, in anybody's tests.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from sagaz_core.testing.contract import StorageContract, VolatileStorageContract  # noqa: E402

__all__ = ["StorageContract", "VolatileStorageContract"]
