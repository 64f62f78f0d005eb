"""Train: fit the estimator and log a model that takes raw rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.core.records import FeatureSet, ModelRef, TuneResult
from airflow_mlops.core.tags import CONFIG_DIGEST, DATA_DIGEST, STAGE
from airflow_mlops.data.test_set import check_used
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.validation_pages import log_pages
from airflow_mlops.training import estimators, models
from airflow_mlops.training.counted_rows import log_learned
from airflow_mlops.training.needed_columns import needed_columns
from airflow_mlops.training.requirements import requirements
from airflow_mlops.training.shipping import shipped_by_value
from airflow_mlops.training.threads import shared_cores
from airflow_mlops.training.tracking import TaskRun
from airflow_mlops.user_code.loading import load_object


def run(call: StageCall) -> ModelRef:
    """Fit with the best parameters of the inputs ``tune`` (if any) over ``train.params``.

    The logged model is a scikit-learn pipeline from raw rows to predictions that carries the user's
    function inside. Its run also holds ``golden.json``, the reference ``profile.json``
    and the page of the validation.
    """
    found = call.input("features", FeatureSet)
    check_used(call.pipeline.evaluate, found)
    params = {**call.pipeline.train.params, **_best_params(call.inputs_of("tune", TuneResult))}
    estimator = estimators.make_estimator(call.pipeline.train.estimator, params, call.base)
    estimators.check_metrics(call.pipeline.evaluate, estimator)
    tags = {
        STAGE: "train",
        DATA_DIGEST: found.train.digest,
        CONFIG_DIGEST: config_digest(call),
    }
    where = (call.pipeline.name, call.task_key, call.artifacts, tags)
    with shared_cores(), call.mlflow.task_run(*where) as run_:
        run_.params({"estimator": call.pipeline.train.estimator, **params, **found.facts()})
        return _train(call, found, params, estimator, run_)


def config_digest(call: StageCall) -> str:
    """Return the SHA-256 of the configuration that a training depends on."""
    return hashlib.sha256(json.dumps(call.pipeline.effective(), sort_keys=True).encode()).hexdigest()


def log_profile(
    run_: TaskRun,
    frame: pd.DataFrame,
    target: pd.Series,
    scores: np.ndarray[Any, Any] | None,
    exclude: Sequence[str],
) -> None:
    """Log what monitoring compares later windows with: training rows, and scores of unseen rows."""
    from airflow_mlops.monitoring.profile import build_profile

    run_.json(build_profile(frame, target, scores, exclude=exclude), "profile.json")


def _best_params(results: Sequence[TuneResult]) -> dict[str, Any]:
    scored = [result for result in results if result.best_score is not None]
    if results and not scored:
        raise ConfigError(f"none of the {len(results)} tuning workers found parameters: see their logs")
    if not scored:
        return {}
    return dict(max(scored, key=lambda result: (result.best_score or 0.0, -result.worker)).best_params)


def _train(
    call: StageCall, found: FeatureSet, params: dict[str, Any], estimator: Any, run_: TaskRun
) -> ModelRef:
    pipeline, data = call.pipeline, call.pipeline.data
    raw, holdout = call.read(found.train), call.read(found.holdout).drop(columns=data.target)
    target, raw = raw[data.target], raw.drop(columns=data.target)
    features = call.read(found.train_features)
    estimators.fit(estimator, features, target)

    function = load_object(pipeline.features, call.base) if pipeline.features else None
    columns = needed_columns(raw, function, features) if function else list(features.columns)
    model = estimators.assemble(raw[columns], function, estimator)
    asked = holdout[columns]
    labels = models.answers(model, asked, columns)
    scores = estimators.scores(model, asked)
    same_answers(estimator, call.read(found.holdout_features), labels, scores)
    own = [item for item in (function, type(estimator)) if item is not None]
    with shipped_by_value(own, call.base) as shipped:
        uri = models.log_model(run_, model, raw[columns], labels, requirements(model, shipped))
    run_.json(models.golden(model, asked), "golden.json")
    log_learned(run_, found, call.read)
    log_profile(run_, raw[columns], target, scores, data.keys)
    if found.validation_page:
        log_pages(call, found.validation_page, run_)
    return ModelRef(
        name=pipeline.name,
        model_uri=uri,
        run_id=run_.run_id,
        digest=_digest(call, found, params, labels, scores),
        params=params,
        rows=found.train.rows,
    )


def same_answers(
    estimator: Any,
    features: pd.DataFrame,
    labels: np.ndarray[Any, Any],
    scores: np.ndarray[Any, Any] | None,
) -> None:
    """Raise ConfigError when the model of raw rows answers otherwise than the estimator that was fitted.

    ``features`` are those of the hold-out, ``labels`` and ``scores`` what the model says of its raw rows.
    """
    expected = np.asarray(estimator.predict(features))
    if expected.dtype.kind == "f":
        differs = ~np.isclose(labels.astype(float), expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    else:
        differs = labels != expected
    chances = estimators.scores(estimator, features)
    if chances is not None and scores is not None:
        differs = differs | ~np.isclose(scores, chances, rtol=1e-6, atol=1e-9, equal_nan=True)
    if not differs.any():
        return
    first = int(np.flatnonzero(differs)[0])
    raise ConfigError(
        f"the model that takes raw rows answers {int(differs.sum()):,} of {len(expected):,} rows of the "
        f"hold-out otherwise than the estimator that was fitted (row {first}: {labels[first]!r}, fitted "
        f"{expected[first]!r}): the feature function must give a row the same features each time, with and "
        "without other rows and columns"
    )


def _digest(
    call: StageCall,
    found: FeatureSet,
    params: dict[str, Any],
    labels: np.ndarray[Any, Any],
    scores: np.ndarray[Any, Any] | None,
) -> str:
    """Name what was learnt: equal data, features, settings and answers to the hold-out, equal digest."""
    estimator = [call.pipeline.train.estimator, with_text_keys(params)]
    parts = [found.train.digest, found.train_features.digest, *estimator]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    digest.update(
        json.dumps([models.plain(value) for value in (labels if scores is None else scores)]).encode()
    )
    return digest.hexdigest()
