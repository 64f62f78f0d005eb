"""Fits an estimator and logs it as a model of raw rows: the judged and the registered model alike."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import process_time
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Pipeline as Config
from airflow_mlops.config.models import Threshold
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.core.records import ModelFormat, Preprocessing
from airflow_mlops.core.records.model_format import SKOPS
from airflow_mlops.core.tags import MODEL_FORMAT, TRUSTED_TYPES
from airflow_mlops.training import assembly, estimators, models
from airflow_mlops.training.diverged import check_answers
from airflow_mlops.training.model_format import format_of
from airflow_mlops.training.needed_columns import needed_columns
from airflow_mlops.training.preprocessing.learning import Learned, Learner
from airflow_mlops.training.provenance import code_digest
from airflow_mlops.training.safe_format import requirements_of_types, trusted_types
from airflow_mlops.training.shipping import packed
from airflow_mlops.training.threshold import chosen
from airflow_mlops.training.tracking import TaskRun
from airflow_mlops.user_code.loading import load_object

_LOG: Final = logging.getLogger(__name__)


class Rows(Protocol):
    """Rows to learn from or to answer.

    They are read when they are asked for, so that no more of them than needed is in memory.
    """

    def features(self) -> pd.DataFrame:
        """Return what the estimator sees of the rows."""

    def raw(self) -> pd.DataFrame:
        """Return the rows as the feature function gets them, without the target."""

    def labels(self) -> pd.Series:
        """Return the target of the rows."""

    def weights(self) -> pd.Series | None:
        """Return the weights of the rows in a fit; None when all count alike."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is fitted: the estimator's dotted path and parameters, and the feature function's path, if any.

    Relative paths start from ``base``. ``positive`` is the declared class of two, ``threshold`` how the
    probability is chosen from which on it is predicted. Without ``samples`` neither an error nor the model
    quotes a cell. ``pipeline`` says what is put before the estimator and when boosting ends; ``plan`` and
    ``rounds`` are what an earlier fit has found of that, to be repeated.
    """

    estimator: str
    params: Mapping[str, Any]
    features: str | None
    base: Path
    pipeline: Config
    samples: bool = True
    positive: Any = None
    threshold: Threshold | None = None
    plan: Preprocessing | None = None
    rounds: int | None = None

    def make(self) -> Any:
        """Return the estimator, not fitted; raises ConfigError for a path or parameters that do not fit."""
        return estimators.make_estimator(self.estimator, self.params, self.base)

    def fit(self, estimator: Any, rows: Rows) -> tuple[Learned, pd.DataFrame, float]:
        """Fit ``estimator`` with its threshold, and the steps that it needs before it.

        Returns it, the features, and processor seconds.
        """
        features = rows.features()
        learner = Learner(
            pipeline=self.pipeline,
            features=features,
            target=rows.labels(),
            rows=rows.raw,
            weights=rows.weights(),
            threshold=self.threshold,
            samples=self.samples,
            plan=self.plan,
            rounds=self.rounds,
        )
        began = process_time()
        learned = learner.fit(estimator)
        spent = process_time() - began
        estimators.mark_positive(learned.estimator, self.positive)
        return learned, features, spent

    @property
    def answers(self) -> list[Any]:
        """What says, beside estimator and parameters, what is answered; nothing by default."""
        threshold = None if self.threshold is None else self.threshold.model_dump(mode="json")
        return [part for part in (self.positive, threshold) if part is not None]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model in MLflow at ``uri``.

    ``raw`` are the rows that it has learned, with the columns that it asks for; ``answers`` and ``scores``
    what it says of rows of the hold-out, shape (rows,). Its fit took ``fit_s`` processor seconds. Where
    that does not go without saying, ``positive`` is the class of two that the scores are about, and
    ``threshold`` the probability from which on it is predicted. ``learned`` says what was put before the
    estimator, ``format`` that of the model's file.
    """

    model: Any
    uri: str
    raw: pd.DataFrame
    answers: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any] | None
    fit_s: float
    learned: Learned
    positive: str = ""
    threshold: float | None = None
    format: ModelFormat = field(default_factory=ModelFormat)

    def digest(self, recipe: Recipe, data: Sequence[str]) -> str:
        """Name what was learnt: equal data (by its digests), settings and answers, equal digest."""
        parts = [*data, recipe.estimator, with_text_keys(recipe.params), *recipe.answers]
        found = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
        said = self.answers if self.scores is None else self.scores
        is_plain = said.dtype.kind in "fiub"
        found.update(said.tobytes() if is_plain else json.dumps([models.plain(one) for one in said]).encode())
        return found.hexdigest()


def fit_and_log(run: TaskRun, recipe: Recipe, estimator: Any, rows: Rows, held: Rows) -> Fitted:
    """Fit ``estimator`` to ``rows`` and log it to ``run``, as a pipeline from raw rows to predictions.

    It carries the user's feature function inside. ``golden.json`` beside it has rows of ``held`` with its
    answers. Raises ConfigError when it cannot be fitted, or answers the rows of ``held`` otherwise than the
    estimator.
    """
    kind = type(estimator)
    learned, features, spent = recipe.fit(estimator, rows)
    estimator = learned.estimator
    for note in learned.plan.notes:
        _LOG.warning("%s", note)
    run.params(learned.params)
    function = load_object(recipe.features, recipe.base) if recipe.features else None
    raw = features if function is None else rows.raw()
    used = [name for name in raw.columns if name not in learned.plan.left_out]
    columns = used if function is None else needed_columns(raw, function, features, spent)
    del features
    raw = raw[columns]
    model = assembly.assemble(raw, function, estimator)
    expected = held.features()
    asked = expected[columns] if function is None else held.raw()[columns]
    answers, scores = estimators.answers(model, asked)
    check_answers(answers, scores)
    same_answers(estimator, expected, answers, scores, samples=recipe.samples)
    own = [item for item in (function, kind) if item is not None]
    uri, form = _logged(run, recipe, model, own, raw, answers)
    run.json(models.golden(model, asked), "golden.json")
    threshold = chosen(learned.last, recipe.threshold, recipe.positive)
    if threshold is not None:
        run.params({"threshold": f"{threshold:.6g}"})
    positive = estimators.positive_of(estimator, recipe.positive)
    return Fitted(model, uri, raw, answers, scores, spent, learned, positive, threshold, form)


def _logged(
    run: TaskRun, recipe: Recipe, model: Any, own: list[Any], raw: pd.DataFrame, answers: np.ndarray[Any, Any]
) -> tuple[str, ModelFormat]:
    """Log the model in the format that its pipeline file chooses; returns its URI and that format."""
    run.await_answer()
    form = format_of(recipe.pipeline, recipe.base)
    if form.name == SKOPS:
        form = replace(form, trusted=trusted_types(model))
        run.tag({MODEL_FORMAT: form.choice, TRUSTED_TYPES: ", ".join(form.trusted)})
        pinned = requirements_of_types(form.trusted)
        uri = models.log_model(run, model, raw, answers, pinned, samples=recipe.samples, trusted=form.trusted)
        return uri, form
    run.tag({MODEL_FORMAT: form.choice})
    with packed(model, own, recipe.base) as inside:
        uri = models.log_model(run, model, raw, answers, inside.requirements, samples=recipe.samples)
        run.tag(code_digest(inside.modules))
    return uri, form


def same_answers(
    estimator: Any,
    features: pd.DataFrame,
    labels: np.ndarray[Any, Any],
    scores: np.ndarray[Any, Any] | None,
    *,
    samples: bool = True,
) -> None:
    """Raise ConfigError when the model of raw rows answers otherwise than the estimator that was fitted.

    ``features`` are those of the hold-out, ``labels`` and ``scores`` what the model says of its raw rows.
    Without ``samples`` the error names no label.
    """
    expected, chances = estimators.answers(estimator, features)
    if expected.dtype.kind == "f":
        differs = ~np.isclose(labels.astype(float), expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    else:
        differs = labels != expected
    if chances is not None and scores is not None:
        differs = differs | ~np.isclose(scores, chances, rtol=1e-6, atol=1e-9, equal_nan=True)
    if not differs.any():
        return
    first = int(np.flatnonzero(differs)[0])
    shown = (
        f": {_answer(labels, scores, first)}, fitted {_answer(expected, chances, first)}" if samples else ""
    )
    raise ConfigError(
        f"the model that takes raw rows answers {int(differs.sum()):,} of {len(expected):,} rows of the "
        f"hold-out otherwise than the estimator that was fitted (row {first}{shown}): a feature function "
        "must give a row the same features each time, and an estimator the same answer, with and without "
        "other rows and columns"
    )


def _answer(labels: np.ndarray[Any, Any], scores: np.ndarray[Any, Any] | None, row: int) -> str:
    """Return the answer of a row as text, with its score where there is one beside the label."""
    label = repr(models.plain(labels[row]))
    return label if scores is None or labels.dtype.kind == "f" else f"{label} (score {scores[row]:.6g})"
