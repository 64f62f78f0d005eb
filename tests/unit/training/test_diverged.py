"""Answers that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.training.diverged import check_answers


@pytest.mark.parametrize("bits", ["float16", "float32", "float64"])
def test_an_infinite_answer_is_no_number_in_any_precision(bits: str) -> None:
    check_answers(np.array([1.5, -2.5], dtype=bits), None)
    check_answers(np.array([1, 0]), np.array([0.25, 0.5], dtype=bits))
    with pytest.raises(DataRejected, match="for 1 of 2 rows"):
        check_answers(np.array([1.5, -np.inf], dtype=bits), None)
