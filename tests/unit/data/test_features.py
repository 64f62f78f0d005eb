from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.data import features
from tests.support.project import customers


def section(*keys: str, holdout: float = 0.2) -> Data:
    return Data.model_validate(
        {"source": {"type": "csv", "filepath": "x"}, "target": "churned", "keys": keys, "holdout": holdout}
    )


def test_without_a_function_all_columns_but_target_and_keys_are_features() -> None:
    built = features.build(customers(20), section("customer_id", "seen_at"), None, Path())
    assert built.columns.tolist() == ["plan", "spend", "visits", "refund"]


FAULTY = {
    "rows[['spend']].dropna()": "must keep every row",
    "rows[['spend']].sort_values('spend')": "another order",
    "rows[['spend']].to_numpy()": "returned ndarray, it must return a DataFrame",
    "rows[['spend']].assign(churned=1)": "returned the target 'churned'",
    "rows[[]]": "returned no column",
    "rows[['spendings']]": r"features_\d+:build failed at \w+_\d+\.py:2: .*KeyError.*spendings",
    "rows[['churned']]": "KeyError.*churned",
    "rows[['visits']] - rows[['visits']].mean()": "'visits' of a row depends on the other rows",
    "rows['plan'].str.get_dummies() if len(rows) > 50 else rows[['visits']]": "other columns for few rows",
}


@pytest.mark.parametrize(("number", "body"), list(enumerate(FAULTY)))
def test_a_function_that_would_mislead_the_model_is_refused(tmp_path: Path, number: int, body: str) -> None:
    (tmp_path / f"user_features_{number}.py").write_text(f"def build(rows):\n    return {body}\n")
    with pytest.raises(ConfigError, match=FAULTY[body]):
        features.build(
            customers(80), section("customer_id", "seen_at"), f"user_features_{number}:build", tmp_path
        )


def test_rows_without_a_label_are_left_out() -> None:
    frame = customers(10).assign(churned=[1, None] * 5)
    assert len(features.labelled(frame, "churned")) == 5
    with pytest.raises(DataRejected, match="none of the 10 rows"):
        features.labelled(frame.assign(churned=None), "churned")
