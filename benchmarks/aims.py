"""What was measured, in a line that a person can read, beside what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile_95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def verdict(value: float, aim: float, unit: str = "") -> str:
    """Say whether a value is within its aim."""
    return f"aim: at most {aim:g}{unit}, {'met' if value <= aim else 'MISSED'}"
