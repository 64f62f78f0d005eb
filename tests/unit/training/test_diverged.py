"""Answers that are no usable numbers are refused, of every type of float; labels are no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.training.diverged import check_answers


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_finite_numbers_of_any_float_pass_and_others_do_not(kind: Any) -> None:
    check_answers(np.array(["yes", "no"], dtype=object), np.array([0.5, 1.0], dtype=kind))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(
            DataRejected, match=r"for 1 of 2 rows \(row 1\), the first is -?(nan|inf): it has"
        ):
            check_answers(np.array([0, 1]), np.array([0.5, bad], dtype=kind))


def test_predictions_whose_square_is_no_number_have_diverged() -> None:
    check_answers(np.array([1e150, -1e150]), None)
    with pytest.raises(DataRejected, match=r"the first is -2e\+150"):
        check_answers(np.array([1.0, -2e150]), None)


def test_labels_and_counts_are_not_looked_at() -> None:
    check_answers(np.array(["a", "b"], dtype=object), None)
    check_answers(np.array([1, 2]), None)
