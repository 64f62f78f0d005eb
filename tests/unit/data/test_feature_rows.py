"""Feature functions that lose, repeat or reorder rows; and the function of the demo, which keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data import features
from airflow_mlops.user_code.loading import load_object
from tests.support.project import customers

DAGS = Path(__file__).parents[3] / "dags"
SECTION = Data.model_validate(
    {
        "source": {"type": "csv", "filepath": "x"},
        "target": "churned",
        "keys": ["customer_id", "seen_at"],
    }
)

TWO_FEES = "rows.merge(PLANS, how='left', on='plan')[['visits', 'fee']]"
DROPPED = "rows[rows['visits'] > 4][['visits']]"
MERGED = (
    "rows.merge(PLANS.head(3), how='inner', on='plan').sort_values('fee')[['spend', 'fee']]"
    ".reset_index(drop=True)"
)
SORTED = "rows[['spend']].sort_values('spend')"
SHIFTED = "rows[['visits']].assign(before=rows['visits'].shift(1, fill_value=0))"
FEWER = "rows[['visits']].drop_duplicates() if len(rows) == 50 else rows[['visits']]"
RANKED = "rows[[]].assign(place=rows.index[::-1] + 1.0 if len(rows) > 1 else 1.0)"
FAULTY = {
    TWO_FEES: r"it must keep every row; row \d+ \(customer_id '\d+', .*\) alone gives 2 rows; join",
    DROPPED: r"row \d+ \(.*\) alone gives 0 rows",
    MERGED: r"another order: the features of row \d+ \(customer_id '\d+', .*\) are at place \d+",
    SORTED: r"another order or with another index: .*e\.g\. of the row with customer_id",
    SHIFTED: r"'before' of a row depends on the order of the rows .*e\.g\. of the row with customer_id",
    FEWER: "depends on the other rows",
    RANKED: "feature 'place' of a row depends on the other rows",
}

CODE = """
import pandas as pd

PLANS = pd.DataFrame({"plan": ["basic", "plus", "pro", "basic"], "fee": [5, 9, 19, 4]})

def build(rows):
    return %s
"""


@pytest.mark.parametrize(("number", "body"), list(enumerate(FAULTY)))
def test_the_example_is_a_row_of_the_data(tmp_path: Path, number: int, body: str) -> None:
    (tmp_path / f"row_features_{number}.py").write_text(CODE % body)
    build = f"row_features_{number}:build"
    with pytest.raises(ConfigError, match=FAULTY[body]):
        features.build(customers(80), SECTION, build, tmp_path)
    with pytest.raises(ConfigError) as caught:
        features.build(customers(80), SECTION, build, tmp_path, samples=False)
    assert "customer_id" not in str(caught.value)


def test_a_function_that_fails_on_single_rows_is_refused_without_an_example(tmp_path: Path) -> None:
    body = "rows[['visits']].iloc[: 70 if len(rows) > 1 else 1 / 0]"
    (tmp_path / "row_features_alone.py").write_text(CODE % body)
    with pytest.raises(ConfigError, match=r"got 80 rows and returned 70: it must keep every row; join"):
        features.build(customers(80), SECTION, "row_features_alone:build", tmp_path)


def flights(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    weather = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    return pd.DataFrame(
        {
            "time_hour": pd.date_range("2013-01-01", periods=rows, freq="h"),
            "sched_dep_time": rng.integers(500, 2300, rows),
            "carrier": rng.choice(["UA", "AA", "B6"], rows),
            "origin": rng.choice(["EWR", "JFK", "LGA"], rows),
            "distance": rng.integers(100, 3000, rows),
            "tailnum": "N1",
            **{name: np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)) for name in weather},
        }
    )


@pytest.mark.parametrize("function", ["build", "with_aircraft"])
def test_the_demo_gives_a_row_of_features_for_each_flight_whatever_the_index(function: str) -> None:
    build = load_object(f"flights_features:{function}", DAGS)
    frame = flights(60)
    expected = build(frame)
    assert expected.columns.tolist()[:6] == ["hour", "weekday", "carrier", "origin", "distance", "temp"]
    assert (len(expected), int(expected.isna().sum().sum())) == (60, 0)
    repeated = frame.set_axis(np.repeat(np.arange(20), 3), axis="index")
    found = build(repeated)
    assert found.index.equals(repeated.index)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected)
