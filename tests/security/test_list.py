"""The list of attacks beside this file is whole, and says what the tests say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROW: Final = re.compile(r"\| ([^|]+) \| `(\S+)::(\w+)` \| (.+) \|")


def functions_of(path: Path) -> dict[str, str]:
    """Return the tests of a file and what their first paragraph says."""
    return {
        node.name: " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_every_attack_is_in_the_list_with_what_would_happen() -> None:
    """Without it, an attack could lose its test, and nobody would notice."""
    lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [ROW.fullmatch(line) for line in lines if "::" in line]
    listed = {(row[2], row[3]): row[4] for row in rows if row}
    assert len(listed) == len(rows), "a line is no row of its own, or its test has one already"
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    there = {name: functions_of(HERE / name) for name in files | {file for file, _ in listed}}
    for (file, test), told in listed.items():
        assert test in there[file], f"{file} has no {test}"
        if there[file][test].startswith("Without"):
            assert told == there[file][test], f"{test} says something else"
    missing = {(file, test) for file in files for test in there[file]} - listed.keys()
    assert not missing, "put a line for each into tests/security/README.md"
