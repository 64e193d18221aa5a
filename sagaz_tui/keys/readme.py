"""Writes the table of keys into the README, from the one place that defines them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sagaz_tui.keys.table import PLACES, keys_in, shown_keys


def keys_markdown(remapped: Mapping[str, str] | None = None) -> str:
    """Give the whole table as Markdown, for the README."""
    lines = ["| where | key | does | name |", "| --- | --- | --- | --- |"]
    for where, title in PLACES.items():
        place = title
        for key in keys_in(where):
            shown = " ".join(f"`{name}`" for name in shown_keys(key, remapped or {}))
            lines.append(f"| {place} | {shown} | {key.help} | `{key.id}` |")
            place = ""
    return "\n".join(lines) + "\n"


BEGIN: Final = "<!-- keys: written by `make keys` -->\n"
END: Final = "<!-- end of keys -->\n"


def with_keys(document: str) -> str:
    """Return a Markdown document with the table of keys between its two marks."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n{keys_markdown()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_keys(readme.read_text(encoding="utf-8")), encoding="utf-8")
