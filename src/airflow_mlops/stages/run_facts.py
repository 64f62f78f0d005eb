"""What the MLflow run of a training shows beside the model: rows, parameters, code, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from airflow_mlops.core.records import DatasetRef, FeatureSet
from airflow_mlops.core.tags import LEARNED
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training import learning_scores
from airflow_mlops.training.core.version_text import learned_text
from airflow_mlops.training.provenance import git_revision
from airflow_mlops.training.run_inputs import all_parameters, log_inputs
from airflow_mlops.training.tracking import TaskRun


def log_start(
    call: StageCall,
    run_: TaskRun,
    found: FeatureSet,
    estimator: Any,
    params: Mapping[str, Any],
    learned: Sequence[DatasetRef],
) -> None:
    """Log what is known before the fit; ``learned`` are the rows that the estimator will be fitted to."""
    path = call.pipeline.train.estimator
    run_.params({**all_parameters(estimator), "estimator": path, **params, **found.facts()})
    log_inputs(run_, {"training": learned, "holdout": [found.holdout]})
    run_.tag({LEARNED: learned_text(path, learned, found.split), **git_revision(call.base)})


def log_learned_scores(
    call: StageCall,
    run_: TaskRun,
    found: FeatureSet,
    estimator: Any,
    features: pd.DataFrame,
    target: pd.Series,
    seconds: float,
) -> None:
    """Log how the estimator scores on what it has learned; with folds when its fit took few ``seconds``."""
    names = call.pipeline.evaluate.metrics
    scores = learning_scores.learned_scores(estimator, features, target, names)
    if seconds <= learning_scores.CHEAP_S and found.split_by != "time":
        groups = _groups(call, found) if found.split_by == "entity" else None
        scores |= learning_scores.cross_validated(estimator, features, target, names, groups)
    run_.metrics(scores)


def _groups(call: StageCall, found: FeatureSet) -> pd.Series:
    """Return the entity of each learned row."""
    entity = call.pipeline.data.keys[0]
    return call.read(found.train, [entity])[entity]
