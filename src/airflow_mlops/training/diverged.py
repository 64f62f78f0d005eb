"""Answers that are no usable numbers, found before a model is logged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.training.core.outcome import rows_in

_LARGEST: Final = 1e150
"""Beyond it a square is no number any more, and no error and no spread can be computed."""


def check_answers(answers: np.ndarray[Any, Any], scores: np.ndarray[Any, Any] | None) -> None:
    """Raise DataRejected when scores, or predictions of numbers, are not finite or are beyond 1e150.

    ``scores`` has shape (rows,), None for a classifier that gives no probability of one class.

    >>> check_answers(np.array([1, 0]), np.array([0.5, np.nan]))
    Traceback (most recent call last):
    ...
    airflow_mlops.core.errors.DataRejected: the model gives no usable number for 1 of 2 rows (row 1), the \
first is nan: it has diverged; scale its features, make its steps smaller, or regularise it more
    """
    values = answers if scores is None else scores
    if values.dtype.kind != "f":
        return
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(values.astype(np.float64)) <= _LARGEST)  # as float32 the limit would be infinite
    if bad.any():
        first = float(values[np.flatnonzero(bad)[0]])
        raise DataRejected(
            f"the model gives no usable number for {rows_in(bad)}, the first is {first:.4g}: it has "
            "diverged; scale its features, make its steps smaller, or regularise it more"
        )
