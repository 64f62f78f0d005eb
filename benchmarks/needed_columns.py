"""What it costs to find the raw columns that a feature function needs, against the fit that it belongs to.

    python benchmarks/needed_columns.py

A table of 2,000 rows and 3,000 columns, functions that read them in various ways, and two estimators of
scikit-learn. Each line gives processor seconds of the fit and of the search, and how many columns are found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from airflow_mlops.training.needed_columns import needed_columns

ROWS, COLUMNS = 2_000, 3_000
Build = Callable[[pd.DataFrame], pd.DataFrame]


def three_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"a": rows["c5"] + rows["c7"], "b": rows["c9"] * 2})


def a_hundred_columns(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({f"g{i}": rows[f"c{30 * i}"] + 1 for i in range(100)})


def half_of_them(rows: pd.DataFrame) -> pd.DataFrame:
    return (rows[[f"c{i}" for i in range(0, COLUMNS, 2)]] * 2).add_prefix("f_")


def all_of_them(rows: pd.DataFrame) -> pd.DataFrame:
    return (rows * 2).add_prefix("f_")


def by_pattern(rows: pd.DataFrame) -> pd.DataFrame:
    found = rows.filter(regex="^c1").to_numpy()
    return pd.DataFrame(found[:, :50] + found[:, 50:100], index=rows.index).add_prefix("v")


FUNCTIONS: tuple[Build, ...] = (three_columns, a_hundred_columns, half_of_them, all_of_them, by_pattern)
ESTIMATORS: Mapping[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(max_iter=500),
    "RandomForestClassifier": lambda: RandomForestClassifier(random_state=0),
}


def main() -> None:
    chance = np.random.default_rng(0)
    raw = pd.DataFrame(chance.normal(size=(ROWS, COLUMNS))).add_prefix("c")
    label = (raw["c0"] + raw["c5"] + chance.normal(size=ROWS) > 0).astype(int)
    print(f"{'function':18} {'estimator':23} {'fit s':>7} {'search s':>9} {'both/fit':>9} {'needed':>7}")
    for build in FUNCTIONS:
        features = build(raw)
        for name, make in ESTIMATORS.items():
            began = time.process_time()
            make().fit(features, label)
            fit = time.process_time() - began
            began = time.process_time()
            found = needed_columns(raw, build, features, fit)
            search = time.process_time() - began
            ratio = f"{(fit + search) / fit:.2f}"
            print(f"{build.__name__:18} {name:23} {fit:7.2f} {search:9.2f} {ratio:>9} {len(found):7,}")


if __name__ == "__main__":
    main()
