"""Separates the rows that break expectations from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.data.validation import Broken

REASONS: Final = "_quarantined_for"
"""The column of a quarantined row that says which expectations it broke."""


def bad_rows(found: Sequence[Broken], rows: int) -> np.ndarray[Any, Any] | None:
    """Return which of ``rows`` rows break an expectation, or None when they are not all named."""
    bad = np.zeros(rows, dtype=bool)
    for item in found:
        if item.rows is None:
            return None
        bad[item.rows] = True
    return bad


def parted(frame: pd.DataFrame, found: Sequence[Broken]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that break nothing, and the others with their reasons, both in their old order.

    Every item of ``found`` must have its rows.
    """
    reasons = np.full(len(frame), "", dtype=object)
    for item in found:
        failure = item.failure
        reason = f"{failure.expectation} ({failure.column})" if failure.column else failure.expectation
        for position in () if item.rows is None else item.rows:
            reasons[position] = f"{reasons[position]}; {reason}" if reasons[position] else reason
    bad = reasons != ""
    aside = frame[bad].reset_index(drop=True)
    return frame[~bad].reset_index(drop=True), aside.assign(**{REASONS: pd.array(reasons[bad], dtype="str")})
