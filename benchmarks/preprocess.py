"""Raw tables in four lines, and scripts that a careful person would write for the same tables.

Look-alikes of four well-known tables (made-up values; see tests/support/tables.py), each drawn several times.
Both sides learn the same rows with the same estimator and answer the same fresh rows. What is printed is the
mean difference of the metric, ours minus the script's, with its standard error over the draws; and the time
of the fit and of one answered row.

    python benchmarks/preprocess.py          10 draws
    python benchmarks/preprocess.py 30       any number

scikit-learn is BSD-3-Clause.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from airflow_mlops.config.models import Pipeline
from airflow_mlops.training.preprocessing.learning import Learner
from tests.support.tables import diamonds, passengers, penguins, subscribers

ROWS, FRESH = 2_000, 4_000
QUALITIES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("DEFGHIJ"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
SIZES = ["carat", "depth", "table", "x", "y", "z"]
BILLS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]


def filled() -> Any:
    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())


def one_hot() -> Any:
    return make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


def steps(*parts: Any) -> Any:
    return make_column_transformer(*parts, sparse_threshold=0)


def passenger_script() -> Any:
    return steps((filled(), ["Pclass", "Age", "SibSp", "Parch", "Fare"]), (one_hot(), ["Sex", "Embarked"]))


def penguin_script() -> Any:
    return steps((filled(), BILLS), (one_hot(), ["island", "sex"]))


def diamond_script() -> Any:
    return steps((StandardScaler(), SIZES), (OneHotEncoder(handle_unknown="ignore"), list(QUALITIES)))


def diamond_script_of_trees() -> Any:
    """With the order of the qualities, which is not in the table."""
    return steps(
        ("passthrough", SIZES), (OrdinalEncoder(categories=list(QUALITIES.values())), list(QUALITIES))
    )


def calendar(rows: pd.DataFrame) -> pd.DataFrame:
    since = pd.to_datetime(rows["since"])
    return pd.DataFrame(
        {
            "days": (since - pd.Timestamp("2023-01-01")).dt.days,
            "month": since.dt.month,
            "weekend": since.dt.day_of_week >= 5,
            "charges": pd.to_numeric(rows["charges"], errors="coerce"),
            "paperless": rows["paperless"].astype("float64"),
        }
    )


def subscriber_script() -> Any:
    dates = make_pipeline(FunctionTransformer(calendar), filled())
    town = make_pipeline(TargetEncoder(target_type="binary"), StandardScaler())
    return steps((StandardScaler(), ["months"]), (dates, ["since", "charges", "paperless"]), (town, ["town"]))


def probability(model: Any, rows: pd.DataFrame, truth: pd.Series) -> float:
    return float(roc_auc_score(truth, model.predict_proba(rows)[:, 1]))


def hits(model: Any, rows: pd.DataFrame, truth: pd.Series) -> float:
    return float(accuracy_score(truth, model.predict(rows)))


def explained(model: Any, rows: pd.DataFrame, truth: pd.Series) -> float:
    return float(r2_score(truth, model.predict(rows)))


CLASSIFIERS = (
    LogisticRegression(max_iter=2_000),
    RandomForestClassifier(100, random_state=0),
    HistGradientBoostingClassifier(random_state=0),
)
REGRESSORS = (RandomForestRegressor(100, random_state=0), HistGradientBoostingRegressor(random_state=0))
NEAREST = KNeighborsClassifier()
Case = tuple[str, Callable[..., pd.DataFrame], str, Callable[..., float], Any, Callable[[], Any]]
CASES: list[Case] = [
    *(("passengers", passengers, "Survived", probability, one, passenger_script) for one in CLASSIFIERS),
    *(("penguins", penguins, "species", hits, one, penguin_script) for one in (*CLASSIFIERS[:2], NEAREST)),
    ("diamonds", diamonds, "price", explained, Ridge(), diamond_script),
    *(("diamonds", diamonds, "price", explained, one, diamond_script_of_trees) for one in REGRESSORS),
    *(("subscribers", subscribers, "left", probability, one, subscriber_script) for one in CLASSIFIERS),
]


def ours(frame: pd.DataFrame, target: str, estimator: Any) -> Any:
    config = {
        "name": "p",
        "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": target},
        "train": {"estimator": "not.used"},
        "evaluate": {"metrics": ["accuracy"]},
    }
    learner = Learner(
        pipeline=Pipeline.model_validate(config),
        features=frame.drop(columns=target),
        target=frame[target],
        rows=lambda: frame,
    )
    return learner.fit(clone(estimator)).estimator


def theirs(frame: pd.DataFrame, target: str, estimator: Any, script: Callable[[], Any]) -> Any:
    return make_pipeline(script(), clone(estimator)).fit(frame.drop(columns=target), frame[target])


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def draw(case: Case, seed: int) -> tuple[list[float], list[float], list[float]]:
    """Return the scores, the seconds of the fits and the milliseconds of one row, ours first."""
    _, make, target, metric, estimator, script = case
    every = make(ROWS + FRESH, seed=seed)
    frame, fresh = every[:ROWS].reset_index(drop=True), every[ROWS:].reset_index(drop=True)
    mine, first = timed(lambda: ours(frame, target, estimator))
    other, second = timed(lambda: theirs(frame, target, estimator, script))
    scores = [metric(model, fresh, fresh[target]) for model in (mine, other)]
    one = fresh.drop(columns=target).head(1)
    return scores, [first, second], [answer_time(model, one) for model in (mine, other)]


def answer_time(model: Any, row: pd.DataFrame) -> float:
    return 1000 * min(timed(lambda: model.predict(row))[1] for _ in range(5))


def measure(case: Case, draws: int) -> str:
    drawn = [draw(case, seed) for seed in range(draws)]
    scores, fits, answers = (np.array(part) for part in zip(*drawn, strict=True))
    difference = scores[:, 0] - scores[:, 1]
    error = difference.std(ddof=1) / np.sqrt(draws)
    score, fit, row = scores.mean(axis=0), np.median(fits, axis=0), np.median(answers, axis=0)
    return (
        f"{case[0]:12} {type(case[4]).__name__:30} {score[0]:.4f} {score[1]:.4f} "
        f"{difference.mean():+.4f} ± {error:.4f}   fit {fit[0]:.2f} / {fit[1]:.2f} s"
        f"   one row {row[0]:.1f} / {row[1]:.1f} ms"
    )


def main(draws: int) -> None:
    warnings.simplefilter("ignore")
    print(f"{ROWS:,} rows to learn, {FRESH:,} fresh ones, {draws} draws")
    print("table, estimator; ours, script, difference ± standard error; fit and one row: ours / script")
    for case in CASES:
        print(measure(case, draws), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
