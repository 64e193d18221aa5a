"""The contract of a store as tests: subclass :class:`StorageContract` for a backend of your own."""

from sagaz_core.testing.contract import StorageContract

__all__ = ["StorageContract"]
