"""The differences between groups that can be limited, by the names that a pipeline file and records have."""

from __future__ import annotations

from airflow_mlops.training.core.group_rates import DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY, RATES


def test_each_difference_is_about_a_rate() -> None:
    assert dict(RATES) == {
        "demographic_parity_difference": "selection rate",
        "equal_opportunity_difference": "true positive rate",
    }
    assert tuple(RATES) == (DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY)
