"""Tune: one worker's share of the search for parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from airflow_mlops.config.models import Tune
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import FeatureSet, TuneResult
from airflow_mlops.core.tags import STAGE, WORKER
from airflow_mlops.data.splitting import plan_of, split
from airflow_mlops.data.test_set import check_used
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.lessons import judged_rows
from airflow_mlops.training import estimators, search
from airflow_mlops.training.core import metrics
from airflow_mlops.training.threads import shared_cores
from airflow_mlops.training.tracking import TaskRun


def run(call: StageCall) -> TuneResult:
    """Search on an inner split of the training rows; the hold-out stays unseen.

    The options ``worker`` and ``workers`` select this call's share of the trials.
    Raises ConfigError when every trial fails.
    """
    tune = call.pipeline.train.tune
    if tune is None:
        raise ConfigError("stage tune needs a train.tune section in the pipeline file")
    worker = int(call.options.get("worker", 0))
    workers = int(call.options.get("workers", tune.workers))
    metric = call.pipeline.evaluate.metrics[0]
    _check(call, tune)
    found = call.input("features", FeatureSet)
    check_used(call.pipeline.evaluate, found)
    score = _scorer(call, found)
    tags = {STAGE: "tune", WORKER: str(worker)}
    where = (call.pipeline.name, call.task_key, call.artifacts, tags)
    with shared_cores(workers), call.mlflow.task_run(*where) as run_:
        top: list[search.Trial] = []
        trials = search.search(
            tune,
            score,
            metric=metric,
            worker=worker,
            workers=workers,
            seen=lambda trial: _log(run_, metric, trial, top),
            progress=call.progress,
        )
        run_.json({"metric": metric, "trials": [asdict(trial) for trial in trials]}, "trials.json")
        return _result(worker, metric, trials, run_.run_id)


def _check(call: StageCall, tune: Tune) -> None:
    """Find a misspelt parameter or a metric of the other task before the first trial."""
    train = call.pipeline.train
    first = {name: form[0] for name, form in tune.space.items()}
    estimator = estimators.make_estimator(train.estimator, {**train.params, **first}, call.base)
    estimators.check_metrics(call.pipeline.evaluate, estimator)


def _scorer(call: StageCall, found: FeatureSet) -> Callable[[Mapping[str, Any]], float]:
    data, train = call.pipeline.data, call.pipeline.train
    lesson = judged_rows(call, found)
    by_row = not data.keys  # then all columns decide
    raw = lesson.columns(None if by_row else [*data.keys, data.target])
    rows, weights = lesson.features(), lesson.weights()
    inner = split(raw, data, plan_of(data, call.pipeline.evaluate.holdout, train.weights).inner)
    target: pd.Series = raw[data.target]
    name = call.pipeline.evaluate.metrics[0]
    sign = 1.0 if metrics.facts(name).larger_is_better else -1.0
    parts = (rows[inner.teaches], target[inner.teaches], rows[inner.held_out], target[inner.held_out])

    def score(params: Mapping[str, Any]) -> float:
        estimator = estimators.make_estimator(train.estimator, {**train.params, **params}, call.base)
        fitted = estimators.fit(
            estimator, parts[0], parts[1], None if weights is None else weights[inner.teaches]
        )
        return sign * metrics.compute([name], estimators.ask(fitted, parts[2], parts[3]))[name]

    return score


def _log(run_: TaskRun, metric: str, trial: search.Trial, top: list[search.Trial]) -> None:
    top.append(trial)
    leader = search.best(top)
    if trial.score is not None and leader is not None and leader.score is not None:
        run_.metrics({metric: trial.score, f"best_{metric}": leader.score}, step=trial.number)


def _result(worker: int, metric: str, trials: tuple[search.Trial, ...], run_id: str) -> TuneResult:
    leader = search.best(trials)
    failed = [trial for trial in trials if trial.score is None]
    if trials and leader is None:
        raise ConfigError(
            f"all {len(trials)} trials of worker {worker} failed; the last one: {failed[-1].error}"
        )
    return TuneResult(
        worker=worker,
        metric=metric,
        best_score=leader.score if leader else None,
        best_params=dict(leader.params) if leader else {},
        trials=len(trials),
        failed=len(failed),
        run_id=run_id,
    )
