"""What the MLflow run of a training shows beside the model: rows, parameters, code, scores."""

from __future__ import annotations

from typing import Any

from airflow_mlops.core.records import FeatureSet
from airflow_mlops.core.tags import LEARNED
from airflow_mlops.stages.lessons import Lesson
from airflow_mlops.training import learning_scores, scorers
from airflow_mlops.training.core.version_text import learned_text
from airflow_mlops.training.fitting import Fitted, Recipe
from airflow_mlops.training.provenance import git_revision
from airflow_mlops.training.run_inputs import all_parameters, log_inputs
from airflow_mlops.training.tracking import TaskRun


def log_start(run_: TaskRun, recipe: Recipe, estimator: Any, rows: Lesson, found: FeatureSet) -> None:
    """Log what is known before the ``estimator`` is fitted to ``rows``."""
    given = {"estimator": recipe.estimator, **recipe.params}
    run_.params({**all_parameters(estimator), **given, **found.facts(), **rows.facts})
    learned = [raw for raw, _ in rows.parts]
    log_inputs(run_, {"training": learned, "holdout": [found.holdout]})
    text = learned_text(recipe.estimator, rows.rows, learned, found.split)
    run_.tag({LEARNED: text, **git_revision(recipe.base)})


def log_learned_scores(run_: TaskRun, fitted: Fitted, rows: Lesson, found: FeatureSet) -> None:
    """Log how the model scores on what it has learned, and in folds where its fit took little time."""
    pipeline, target = rows.call.pipeline, rows.labels()
    names = pipeline.evaluate.metrics
    scoring = scorers.scoring(pipeline.data, names, rows.call.base, samples=rows.call.quotes_cells)
    scores = learning_scores.learned_scores(fitted.model, fitted.raw, target, names, scoring)
    cheap = fitted.fit_s <= learning_scores.CHEAP_S
    if cheap and found.split_by != "time" and not pipeline.train.weights:
        entity = pipeline.data.keys[0] if found.split_by == "entity" else None
        groups = rows.columns([entity])[entity] if entity else None
        estimator = fitted.model.steps[-1][1]
        scores |= learning_scores.cross_validated(estimator, rows.features(), target, names, groups, scoring)
    run_.metrics(scores)
