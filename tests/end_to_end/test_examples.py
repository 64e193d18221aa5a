"""The examples run by themselves, as whoever downloads them would run them, and show something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWN = {
    "payment_failure_recovery": [
        r"order_8841 failed at charge_payment: .* does not answer",
        r"the plan is valid\n  reserve_inventory runs again, for order_8841 has undone it",
        r"charged, idempotency key order_8841~r1:charge_payment\n    lamp shipped",
        r"order_8841~r1: success",
        r"charge_payment +failed +→ completed",
    ],
    "compliance_audit": [
        r"half past two\?\n  informed, as of 08 July 2024\n  done by then: inform\n",
        r"kept until 12 July 2031, unverified\n",
        r"12 July 2024  given +ask",
        r"12 July 2024  /consent_status: informed → given",
        r"  replayed by ada@records-office: patient-consent-789~r1\n  replay ended by ada",
        r"by ada@records-office: found by the audit of 2024",
        r"from file, with /archive: basement → vault: success",
    ],
    "compensation_testing": [
        r"ship_order: failed\n  compensation: completed\n  on the shelf: 8 lamps",
        r"order_1~r1 failed; compensation: completed\n  on the shelf: 10 lamps; paid: \{'ada': 0\}",
        r"order_1~r2: success\n  on the shelf: 8 lamps; paid: \{'ada': 80\}",
    ],
    "own_engine": [
        r"no rate for 'EURO'",
        r"#1 before_step fetch\n  #2 before_step convert\n  #3 step_failed convert",
        r"the plan is valid\n  fetch: restored\n  convert: runs\n",
        r"nothing is fetched again\n    converting 3 sales from EUR\n    sent to ada\n",
        r"report_7~r1: success\n  fetch, convert, send; 1868\.40 dollars",
    ],
    "batch_replay": [
        r"40 orders match, and 40 would run\n  40 from charge_payment",
        r"goes first",
        r"batch-\S+ is completed\n  38 succeeded, 2 failed\n  2 × .*the card has expired",
        r"2 of 2 succeeded\n  orders charged: 40, each once: True",
    ],
}
"""What each must print, in this order."""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("replay/*.py")), ids=lambda path: path.stem)
def test_an_example_runs_without_arguments_and_shows_what_it_is_about(
    path: Path, tmp_path: Path
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SAGAZ_")
    }
    done = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    print(done.stdout)
    rest = done.stdout
    assert path.stem in SHOWN, "say above what it shows"
    for expected in SHOWN[path.stem]:
        found = re.search(expected, rest)
        assert found, f"after what it has shown, {expected!r} is missing in\n{rest}"
        rest = rest[found.end() :]
    assert list(tmp_path.iterdir()) == []


def test_the_examples_that_people_look_for_are_there() -> None:
    assert {path.stem for path in EXAMPLES.glob("replay/*.py")} >= SHOWN.keys()
