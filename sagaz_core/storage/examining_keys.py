"""Examines the keys of a store: who but their owner could decrypt what is in it."""

from __future__ import annotations

import os
import stat

from sagaz_core.compliance.keys import KeyRing
from sagaz_core.compliance.manager import ComplianceManager
from sagaz_core.storage.backends.rows import Finding


def examine_keys(compliance: ComplianceManager) -> list[Finding]:
    """Say who can open the file that the keys are in; nothing where they are in none."""
    file = compliance.keys.file if isinstance(compliance.keys, KeyRing) else None
    if file is None or os.name != "posix":
        return []
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        return [Finding("error", f"the key file {file} cannot be read: {error.strerror}")]
    words = f"the key file {file} (mode {mode:04o})"
    if mode & 0o007:
        return [
            Finding(
                "error",
                f"everybody on this machine can open {words}",
                f"run `chmod 600 {file}`, and `sagaz keys rotate` to a key that nobody has seen",
            )
        ]
    if mode & 0o070:
        return [
            Finding(
                "warning",
                f"others than its owner can open {words}",
                f"`chmod 600 {file}` unless that is meant",
            )
        ]
    return [Finding("ok", f"only its owner can open {words}")]
