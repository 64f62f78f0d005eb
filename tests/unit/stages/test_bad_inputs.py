"""Bad inputs of a training end in a clear refusal: the reason is on the task, the run and in the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import Evaluation
from airflow_mlops.training import estimators
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect
from tests.support.project import Project

OWN = """
import os
import signal
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor


def nothing(truth, predicted):
    return float("nan")


def only_whole(truth, predicted, sample_weight=None):
    return float(np.mean(truth == predicted)) if sample_weight is None else float("nan")


class Surer(LogisticRegression):
    def predict_proba(self, X):
        found = super().predict_proba(X)
        found[::7] = np.nan
        return found


class Steep(DecisionTreeRegressor):
    def predict(self, X):
        return super().predict(X) * 1e200


class Greedy(LogisticRegression):
    def fit(self, X, y):
        raise MemoryError("Unable to allocate 74.5 GiB for an array")


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


class Pool(LogisticRegression):
    def fit(self, X, y):
        with ProcessPoolExecutor(1) as pool:
            list(pool.map(killed, [1]))
"""
TREE = {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}


def table(rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.arange(rows), **{name: rng.normal(size=rows) for name in "abc"}})
    return frame.assign(y=(frame["a"] + rng.normal(size=rows) > 0).astype(int))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Project]:
    """Return a function that makes a project of raw numbers; arguments replace sections."""

    def made(frame: pd.DataFrame | None = None, **changes: Any) -> Project:
        (tmp_path / "bad_code.py").write_text(OWN)
        source = {"type": "parquet", "filepath": "customers.parquet"}
        sections = {
            "data": {"source": source, "target": "y", "keys": ["id"]},
            "features": None,
            "train": TREE,
        }
        return Project.create(tmp_path, table() if frame is None else frame, **{**sections, **changes})

    return made


def refused(project: Project, key: str = "run1") -> tuple[str, Evaluation, str]:
    """Train and evaluate; return the reason on the task, and what the model's run and its card say."""
    features, model = project.trained(key)
    with pytest.raises(DataRejected) as caught:
        project.run("evaluate", {"features": features, "model": model}, key)
    run, client = model["run_id"], connect(project.tracking_uri)
    stored = Registry(project.tracking_uri, "churn").artifact(run, "evaluation.json")
    card = Path(client.download_artifacts(run, "card.html")).read_text()
    assert client.get_run(run).data.tags["mlops.evaluation"] == "failed"
    assert "Not judged" in card
    return str(caught.value), Evaluation.from_json(stored or {}), card


def test_a_metric_that_is_no_number_is_refused_with_a_card(make: Callable[..., Project]) -> None:
    name = "max bad_code:nothing"
    reason, evaluation, card = refused(make(evaluate={"metrics": [name], "require": {name: ">= 0"}}))
    assert reason.startswith(f"metric {name} is nan on these 1")
    assert (evaluation.passed, evaluation.reasons) == (False, (f"it could not be judged: {reason}",))
    assert f"It could not be judged: metric {name} is nan" in card


def test_a_metric_that_is_no_number_in_the_comparison_asks_for_another_metric(
    make: Callable[..., Project],
) -> None:
    limit = {"against_champion": {"max bad_code:only_whole": ">= -0.1"}}
    project = make(evaluate={"metrics": ["max bad_code:only_whole"], **limit})
    evaluation, text = against_itself(project)
    assert evaluation.outcome == "inconclusive"
    assert "is not a number on these" in text
    assert "hold out more rows, or compare by another metric, or move the alias champion on purpose" in text
    assert text.endswith("on purpose, or set evaluate.on_inconclusive to ask (a person decides) or accept")


def against_itself(project: Project, between: Callable[[], None] = lambda: None) -> tuple[Evaluation, str]:
    """Register a model, do something, and judge a second one; return its evaluation and its reason."""
    features, model = project.trained("first")
    found = project.run("evaluate", {"features": features, "model": model}, "first")
    project.run("register", {"evaluation": found, "features": features}, "first")
    between()
    features, model = project.trained("second")
    result = project.result("evaluate", {"features": features, "model": model}, "second")
    return Evaluation.from_json(result.record), result.rejection


def test_a_champion_that_wants_other_columns_names_them(make: Callable[..., Project]) -> None:
    project = make(evaluate={"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.05"}})

    def without() -> None:
        table().drop(columns=["b", "c"]).to_parquet(project.root / "customers.parquet", index=False)

    evaluation, text = against_itself(project, without)
    assert "it asks for columns that the hold-out does not have: 'b', 'c'); bring them back, or move" in text
    assert "hold out more rows" not in text
    assert evaluation.card
    assert "Failed: it is not registered; version 1 stays the champion" in evaluation.summary


def test_a_champion_that_no_longer_loads_says_so(make: Callable[..., Project]) -> None:
    project = make(evaluate={"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.05"}})

    def broken() -> None:
        for name in ("model.pkl", "model.skops"):
            for file in project.root.rglob(name):
                file.unlink()

    evaluation, text = against_itself(project, broken)
    assert "version 1 (it cannot be loaded: " in text
    assert "restore its files, or move the alias champion on purpose, or set evaluate.on_inconclusive" in text
    assert evaluation.outcome == "inconclusive"


def timed(frame: pd.DataFrame) -> pd.DataFrame:
    """The newest fifth of the rows has one class."""
    times = pd.date_range("2026-01-01", periods=len(frame), freq="h", tz="UTC")
    return frame.assign(at=times, y=frame["y"].where(frame.index < 0.8 * len(frame), 0))


def test_a_hold_out_of_one_class_is_refused_where_the_metric_needs_two_and_else_said(
    make: Callable[..., Project],
) -> None:
    data = {
        "source": {"type": "parquet", "filepath": "customers.parquet"},
        "target": "y",
        "keys": ["id", "at"],
    }
    project = make(timed(table()), data=data, evaluate={"metrics": ["roc_auc"]})
    reason, _, card = refused(project)
    assert "needs at least two classes among the 120 rows, found one: all are 0; hold out more rows" in reason
    assert "found one: all are 0" in card
    project = project.changed(evaluate={"metrics": ["accuracy"]})
    features, model = project.trained("labels")
    found = project.run("evaluate", {"features": features, "model": model}, "labels")
    assert "no hold-out row is of the class 1: no figure says whether the model finds it" in found["caution"]


def test_ten_rows_are_refused_in_words(make: Callable[..., Project]) -> None:
    reason, evaluation, _ = refused(make(table(10), evaluate={"metrics": ["roc_auc"]}))
    assert "needs at least two classes among the" in reason
    assert "hold out more rows" in reason
    assert not evaluation.passed


@pytest.mark.parametrize(
    ("estimator", "target", "said"),
    [
        ("bad_code:Surer", "y", "the model gives no usable number for"),
        ("bad_code:Steep", "c", r"the first is -?\d\S*e\+\d+: it has diverged; scale its features"),
    ],
)
def test_an_estimator_that_diverges_is_refused_before_its_model_is_logged(
    make: Callable[..., Project], estimator: str, target: str, said: str
) -> None:
    source = {"type": "parquet", "filepath": "customers.parquet"}
    metric = "roc_auc" if target == "y" else "rmse"
    data = {"source": source, "target": target, "keys": ["id"]}
    project = make(data=data, train={"estimator": estimator}, evaluate={"metrics": [metric]})
    with pytest.raises(DataRejected, match=said):
        project.trained()
    assert list(project.root.rglob("golden.json")) == []


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        ("bad_code:Greedy", r"Unable to allocate 74.5 GiB .*the memory is not enough; give the task more"),
        ("bad_code:Pool", r"a process that the estimator started was killed, most likely because the memory"),
    ],
)
def test_memory_that_runs_out_in_the_fit_says_what_helps(
    make: Callable[..., Project], estimator: str, said: str
) -> None:
    project = make(train={"estimator": estimator})
    with pytest.raises(ConfigError, match=rf"{said}.*train\.resources\.memory.*train\.sample"):
        project.trained()


def test_memory_that_runs_out_in_the_gate_is_in_the_card_too(
    make: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: Any) -> None:
        raise MemoryError("Unable to allocate 2 GiB")

    project = make()
    features, model = project.trained()
    monkeypatch.setattr(estimators, "ask", ask)
    with pytest.raises(MemoryError):
        project.run("evaluate", {"features": features, "model": model})
    client = connect(project.tracking_uri)
    card = Path(client.download_artifacts(model["run_id"], "card.html")).read_text()
    assert "It could not be judged: MemoryError: Unable to allocate 2 GiB" in card


def test_a_metric_that_needs_probabilities_says_what_to_do_before_the_fit(
    make: Callable[..., Project],
) -> None:
    project = make(train={"estimator": "sklearn.svm.LinearSVC"}, evaluate={"metrics": ["roc_auc"]})
    with pytest.raises(ConfigError, match=r"needs predict_proba, which LinearSVC .*CalibratedClassifierCV"):
        project.trained()


def test_five_thousand_classes_have_a_small_card_with_the_most_frequent_mistakes(
    make: Callable[..., Project],
) -> None:
    label = np.random.default_rng(0).integers(0, 5_000, 12_000)
    frame = pd.DataFrame({"id": np.arange(12_000), "a": label % 71, "b": label // 71, "y": label})
    data = {
        "source": {"type": "parquet", "filepath": "customers.parquet"},
        "target": "y",
        "keys": ["id"],
        "max_unknown_labels": 0.2,
    }
    neighbours = {"estimator": "sklearn.neighbors.KNeighborsClassifier", "params": {"n_neighbors": 1}}
    project = make(frame, data=data, train=neighbours, evaluate={"metrics": ["accuracy"]})
    features, model = project.trained()
    found = Evaluation.from_json(project.run("evaluate", {"features": features, "model": model}))
    card = Path(connect(project.tracking_uri).download_artifacts(model["run_id"], "card.html"))
    assert found.passed
    assert card.stat().st_size < 50_000
    assert len(found.caution) < 1_000
    assert "classes" in card.read_text()
