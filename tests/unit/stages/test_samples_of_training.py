"""``validate.samples: none``: no error or log of what learns from rows quotes a cell; by default they do."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from airflow_mlops.config.models import Tune
from airflow_mlops.core.errors import MlopsError
from airflow_mlops.data.sources.quoting import without_causes
from airflow_mlops.lifecycle.table import find_task
from airflow_mlops.training import search
from airflow_mlops.training.core import metrics
from airflow_mlops.training.fitting import same_answers
from tests.support.project import Project, customers

MARK = "Zq7"
TUNE = {"space": {"max_iter": [5, 9]}, "n_trials": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without a feature function whose estimator cannot read one of the columns."""
    rows = customers(200).assign(plan=[MARK] * 200)
    found = Project.create(tmp_path_factory.mktemp("project"), rows, features=None)
    return found.changed(train={**found.config["train"], "tune": TUNE, "preprocess": None})


@pytest.mark.parametrize("stage", ["train", "tune"])
def test_an_estimator_that_refuses_a_cell_does_not_quote_it(
    project: Project, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    features = project.run("features", {"dataset": project.run("ingest", {})})
    told = {}
    for samples in ("examples", "none"):
        caplog.clear()
        checks = {"expect": [{"column": "visits", "min": 0}], "samples": samples}
        with pytest.raises(MlopsError, match=r"cannot be fitted: .*\(features not numeric: plan;") as caught:
            project.changed(validate=checks).run(stage, {"features": features}, samples)
        text = "".join(traceback.format_exception(caught.value))
        files = sorted(project.root.glob("**/trials.json"), key=lambda path: path.stat().st_mtime_ns)
        told[samples] = f"{text} {caplog.text} {[path.read_text() for path in files[-1:]]}"
    assert MARK in told["examples"]
    assert MARK not in told["none"]


def test_stages_that_read_rows_know_whether_cells_may_be_quoted() -> None:
    for stage in (
        "ingest",
        "holdout",
        "validate",
        "features",
        "tune",
        "train",
        "refit",
        "evaluate",
        "observe",
    ):
        task = find_task(stage)
        assert task is not None
        assert "validate" in task.config


def shown(work: Callable[[], Any]) -> str:
    with pytest.raises(MlopsError) as caught:
        work()
    return str(caught.value)


@pytest.mark.parametrize("samples", [True, False])
def test_labels_are_counted_where_they_may_not_be_quoted(samples: bool) -> None:
    labels, scoring = ["a", MARK], metrics.Scoring(samples=samples)
    text = shown(lambda: metrics.classification(labels, ["a", "a"], ["a", "b"], None, scoring))
    assert (MARK in text) == samples
    assert "labels that the model was not trained on" in text
    answers = np.array(labels)

    class Other(ClassifierMixin, BaseEstimator):
        def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
            return np.array(["a", "b"])[: len(rows)]

    text = shown(lambda: same_answers(Other(), pd.DataFrame({"x": [1, 2]}), answers, None, samples=samples))
    assert (MARK in text) == samples
    assert "1 of 2 rows of the hold-out otherwise" in text


@pytest.mark.parametrize("samples", [True, False])
def test_a_failed_trial_and_an_unexpected_error_have_no_cell(samples: bool) -> None:
    def score(_: Any) -> float:
        raise ValueError(f"could not convert {MARK}")

    [trial] = search.search(Tune.model_validate(TUNE), score, metric="roc_auc", samples=samples)
    assert (MARK in str(trial.error)) == samples
    with pytest.raises(ValueError if samples else RuntimeError) as caught, without_causes(samples=samples):
        score({})
    assert (MARK in "".join(traceback.format_exception(caught.value)).replace("{MARK}", "")) == samples
