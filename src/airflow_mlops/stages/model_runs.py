"""What the MLflow runs of the judged and of the registered model have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.core.records import FeatureSet
from airflow_mlops.core.tags import AUTHOR, CONFIG_DIGEST, STAGE
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.lessons import Lesson
from airflow_mlops.stages.validation_pages import log_pages
from airflow_mlops.training.fitting import Recipe
from airflow_mlops.training.threads import shared_cores
from airflow_mlops.training.tracking import TaskRun


def recipe(call: StageCall, params: Mapping[str, Any]) -> Recipe:
    """Return what is fitted: the pipeline's estimator with these parameters."""
    pipeline = call.pipeline
    return Recipe(
        estimator=pipeline.train.estimator,
        params=params,
        features=pipeline.features,
        base=call.base,
        pipeline=pipeline,
        samples=call.quotes_cells,
        positive=pipeline.data.positive,
        threshold=pipeline.train.threshold,
    )


def config_digest(call: StageCall) -> str:
    """Return the SHA-256 of the configuration that a training depends on."""
    return hashlib.sha256(json.dumps(call.pipeline.effective(), sort_keys=True).encode()).hexdigest()


@contextmanager
def opened(call: StageCall, tags: Mapping[str, str]) -> Iterator[TaskRun]:
    """Open the one run of the task, with the cores of this machine shared fairly while it is open."""
    every = {STAGE: call.stage, CONFIG_DIGEST: config_digest(call), **tags}
    every |= {AUTHOR: call.user} if call.user else {}
    where = (call.pipeline.name, call.task_key, call.artifacts, every)
    with shared_cores(), call.mlflow.task_run(*where) as run_:
        yield run_


def log_profile(
    call: StageCall, run_: TaskRun, frame: pd.DataFrame, rows: Lesson, scores: np.ndarray[Any, Any] | None
) -> None:
    """Log what monitoring compares windows with: rows that were learned, scores of rows that were not.

    ``frame`` has the columns of ``rows`` that the model asks for.
    """
    from airflow_mlops.monitoring.profile import build_profile

    exclude, times = call.pipeline.data.keys, rows.time_quantiles()
    run_.json(build_profile(frame, rows.labels(), scores, exclude=exclude, times=times), "profile.json")


def log_data(call: StageCall, run_: TaskRun, found: FeatureSet) -> None:
    """Log the page about the validation of the rows, if there is one."""
    if found.validation_page:
        log_pages(call, found.validation_page, run_)
