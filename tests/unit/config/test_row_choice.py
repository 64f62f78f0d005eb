"""How many rows a training learns: what can be written as a window or a share, and what cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_mlops.config.row_choice import check_sample, parse_window


@pytest.mark.parametrize(("value", "read"), [("90d", timedelta(days=90)), (2, 2), (5e4, 50_000)])
def test_a_window_is_a_time_or_a_number_of_rows(value: Any, read: Any) -> None:
    assert parse_window(value) == read


@pytest.mark.parametrize("value", [1, 2.5, True, float("inf"), float("-inf"), float("nan")])
def test_what_is_not_a_number_of_rows_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a duration such as 90d, or a whole number of rows"):
        parse_window(value)
    with pytest.raises(ValueError, match=r"must be a share between 0 and 1, or a whole number of rows"):
        check_sample(value)


@pytest.mark.parametrize("value", [0.1, 2, 50_000])
def test_a_sample_is_a_share_or_a_number_of_rows(value: Any) -> None:
    assert check_sample(value) == value
