"""The champion's scores and their realised quality for each kind of model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as peer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.monitoring.champion import Champion
from airflow_mlops.monitoring.core import triage_text
from airflow_mlops.training import estimators

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"x": RNG.normal(size=2_000), "z": RNG.normal(size=2_000)})
LABELS = {
    "number": ROWS["x"] * 3 + RNG.normal(size=2_000),
    "yes or no": pd.Series(np.where(ROWS["x"] + RNG.normal(size=2_000) > 0, "yes", "no")),
    "colour": pd.Series(np.where(ROWS["x"] > 0.5, "red", np.where(ROWS["z"] > 0, "blue", "green"))),
}


def performance(
    tmp_path: Path,
    model: Any,
    labels: pd.Series,
    limits: dict[str, str],
    missing: int = 0,
    *,
    trained: Any = None,
    declared: Any = None,
    arrived: pd.Series | None = None,
    broken: int = 0,
) -> PerformanceReport:
    """Judge a window: ``trained`` and ``declared`` are the positive class then and now."""
    champion = Champion("m", 3, "run", estimators.mark_positive(model.fit(ROWS, labels), trained))
    truth = labels if arrived is None else arrived
    scored = champion.scored(ROWS).assign(y=truth.where(np.arange(len(ROWS)) >= missing))
    scored.loc[: broken - 1, "_score"] = np.nan
    window = ScoredWindow(
        dataset=write_dataset(scored, str(tmp_path)),
        model_version=3,
        run_id="run",
        start="2020-01-01T00:00:00+00:00",
        end="2020-01-02T00:00:00+00:00",
        labelled=len(ROWS) - missing,
        classes=champion.classes,
        probabilities=champion.gives_probabilities,
        positive=champion.positive,
    )
    source = {"type": "parquet", "filepath": "unused"}
    pipeline = {
        "name": "m",
        "data": {"source": source, "target": "y", "positive": declared},
        "train": {"estimator": "unused"},
        "evaluate": {"metrics": ["accuracy"]},
        "monitor": {"schedule": "@daily", "performance": {"require": limits}},
    }
    request = StageRequest(
        stage="performance", pipeline=pipeline, task_key="t", artifacts=str(tmp_path), tracking_uri="unused",
        inputs={"window": window.to_json()},
    )  # fmt: skip
    return PerformanceReport.from_json(run_stage(request).record)


def test_a_regressor_is_judged_by_its_errors(tmp_path: Path) -> None:
    found = performance(tmp_path, LinearRegression(), LABELS["number"], {"rmse": "<= 1.1", "r2": ">= 0.99"})
    assert found.metrics["rmse"] == pytest.approx(1, abs=0.05)
    assert {check.name: check.passed for check in found.checks} == {"rmse": True, "r2": False}
    assert found.verdict == "decay"


def test_labels_of_text_and_labels_that_are_late(tmp_path: Path) -> None:
    limits = {"roc_auc": ">= 0.7", "f1": ">= 0.5"}
    whole = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], limits)
    late = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], limits, missing=100)
    assert whole.verdict == late.verdict == "ok"
    assert (whole.rows, late.rows) == (2_000, 1_900)
    assert late.metrics["roc_auc"] == pytest.approx(whole.metrics["roc_auc"], abs=0.02)


@pytest.mark.parametrize("missing", [201, 1_501, 2_000])
def test_too_few_labels_are_insufficient(tmp_path: Path, missing: int) -> None:
    found = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], {"f1": ">= 0.5"}, missing)
    assert (found.verdict, dict(found.metrics), found.checks) == ("insufficient", {}, ())


def test_more_than_two_classes_keep_all_their_probabilities(tmp_path: Path) -> None:
    limits = {"roc_auc": ">= 0.9", "log_loss": "<= 0.5", "accuracy": ">= 0.8"}
    found = performance(tmp_path, LogisticRegression(), LABELS["colour"], limits)
    assert found.verdict == "ok"
    assert set(found.metrics) == set(limits)


def test_a_classifier_without_probabilities_has_no_ranking(tmp_path: Path) -> None:
    assert performance(tmp_path, LinearSVC(), LABELS["yes or no"], {"accuracy": ">= 0.5"}).verdict == "ok"
    with pytest.raises(ConfigError, match="roc_auc needs predict_proba"):
        performance(tmp_path, LinearSVC(), LABELS["yes or no"], {"roc_auc": ">= 0.5"})


@pytest.mark.parametrize("declared", [None, "no", "yes"])
@pytest.mark.parametrize("trained", [None, "no", "yes"])
def test_the_figures_of_a_window_are_those_of_the_class_that_the_file_names(
    tmp_path: Path, trained: Any, declared: Any
) -> None:
    labels = LABELS["yes or no"]
    limits = {"average_precision": ">= 0.1", "recall": ">= 0.1", "brier": "<= 0.9"}
    model = LogisticRegression(class_weight={"no": 3, "yes": 1})
    found = performance(tmp_path, model, labels, limits, trained=trained, declared=declared)
    about = declared or trained or "yes"
    chance = model.predict_proba(ROWS)[:, ["no", "yes"].index(about)]
    assert found.of_class == about
    assert f"(of the class {about!r})" in found.summary
    assert found.metrics == pytest.approx(
        {
            "average_precision": peer.average_precision_score(labels == about, chance),
            "recall": peer.recall_score(labels, model.predict(ROWS), pos_label=about),
            "brier": ((chance - (labels == about)) ** 2).mean(),
        }
    )


def test_labels_that_the_champion_does_not_know_do_not_count_and_are_named(tmp_path: Path) -> None:
    labels = LABELS["yes or no"]
    slip = labels.where(labels.index != 7, "maybe")
    limits = {"accuracy": ">= 0.5"}
    few = performance(tmp_path, LogisticRegression(), labels, limits, arrived=slip)
    assert few.verdict == "ok"
    assert few.label_faults == (
        "1 of 2,000 labels (maybe), which the model was not trained on; these rows do not count",
    )
    assert "labels that cannot be used: 1 of 2,000 labels (maybe)" in triage_text.label_problems(few)
    many = labels.where(labels.index >= 30, "maybe")
    found = performance(tmp_path, LogisticRegression(), labels, limits, arrived=many)
    assert (found.verdict, dict(found.metrics), found.rows) == ("insufficient", {}, 2_000)
    (fault,) = found.label_faults
    assert "not trained on: maybe in 30 of 2,000 rows, data.max_unknown_labels allows 0.01 of them" in fault


def test_answers_that_are_none_are_reported_and_do_not_end_the_run(tmp_path: Path) -> None:
    found = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], {"roc_auc": ">= 0.5"}, broken=3)
    assert (found.verdict, found.metrics) == ("insufficient", {})
    assert "probabilities are not between 0 and 1 for 3 of 2,000 rows (rows 0, 1, 2)" in found.answer_fault
    assert "predictions that cannot be used: the model's probabilities" in triage_text.label_problems(found)


def test_a_window_without_the_positive_class_is_insufficient(tmp_path: Path) -> None:
    labels = LABELS["yes or no"]
    limits = {"recall": ">= 0.5", "accuracy": ">= 0.1"}
    only = pd.Series(["no"] * len(labels))
    found = performance(tmp_path, LogisticRegression(), labels, limits, arrived=only)
    assert (found.verdict, found.label_faults, found.answer_fault) == ("insufficient", (), "")
