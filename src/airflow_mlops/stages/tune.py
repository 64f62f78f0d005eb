"""Tune: one worker's share of the search for parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from airflow_mlops.config.models import Train
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import class_in_question, positive_place
from airflow_mlops.core.records import FeatureSet, TuneResult
from airflow_mlops.core.tags import STAGE, WORKER
from airflow_mlops.data.splitting import plan_of, split
from airflow_mlops.data.test_set import check_used
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.lessons import judged_rows
from airflow_mlops.training import estimators, scorers, search
from airflow_mlops.training.core import metrics
from airflow_mlops.training.preprocessing.learning import Learner
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
    _check(call)
    found = call.input("features", FeatureSet)
    check_used(call.pipeline.evaluate, found)
    score, of_class = _scorer(call, found)
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
            samples=call.quotes_cells,
        )
        run_.json({"metric": metric, "trials": [asdict(trial) for trial in trials]}, "trials.json")
        return replace(_result(worker, metric, trials, run_.run_id), of_class=of_class)


def _check(call: StageCall) -> None:
    """Find a misspelt parameter or a metric of the other task before the first trial."""
    train = call.pipeline.train
    estimator = estimators.make_estimator(train.estimator, _first_params(train), call.base)
    names = estimators.check_metrics(call.pipeline.evaluate, estimator)
    scorers.preparations(names, call.base)


def _first_params(train: Train) -> dict[str, Any]:
    """Return one set of parameters of the space."""
    space = train.tune.space if train.tune else {}
    return {**train.params, **{name: form[0] for name, form in space.items()}}


def _scorer(call: StageCall, found: FeatureSet) -> tuple[Callable[[Mapping[str, Any]], float], str]:
    """Return what scores a set of parameters, larger is better, and the class of two that it is about."""
    data, train = call.pipeline.data, call.pipeline.train
    lesson = judged_rows(call, found)
    by_row = not data.keys  # then all columns decide
    raw = lesson.columns(None if by_row else [*data.keys, data.target])
    rows, weights = lesson.features(), lesson.weights()
    inner = split(raw, data, plan_of(data, call.pipeline.evaluate.holdout, train.weights).inner)
    target: pd.Series = raw[data.target]
    name = call.pipeline.evaluate.metrics[0]
    row = metrics.facts(name)
    sign = 1.0 if row.larger_is_better else -1.0
    scoring = scorers.scoring(data, [name], call.base, samples=call.quotes_cells)
    first = estimators.make_estimator(train.estimator, _first_params(train), call.base)
    classes = estimators.check_target(target, first, data, estimators.named_metrics(call.pipeline.evaluate))
    known = raw[inner.teaches].reset_index(drop=True)
    learner = Learner(
        pipeline=call.pipeline,
        features=rows[inner.teaches],
        target=target[inner.teaches],
        rows=lambda: known,
        weights=None if weights is None else weights[inner.teaches],
        samples=call.quotes_cells,
        # The threshold changes no probability: metrics of probabilities are not worth its fits.
        threshold=None if row.needs_probability else train.threshold,
    )
    asked, truth = rows[inner.held_out], target[inner.held_out]

    def score(params: Mapping[str, Any]) -> float:
        estimator = estimators.make_estimator(train.estimator, {**train.params, **params}, call.base)
        fitted = learner.fit(estimator).estimator
        return sign * metrics.compute([name], estimators.ask(fitted, asked, truth, scoring))[name]

    return score, class_in_question(classes, positive_place(classes, data.positive))


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
