"""Fits an estimator with the steps that it needs before it: what train, tune and refit call."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from airflow_mlops.config.models import Pipeline as Config
from airflow_mlops.config.models import Threshold
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records.preprocessing import Preprocessing
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.splitting import EARLY_STOPPING, Split, entity_of, plan_of, split
from airflow_mlops.model_steps.labels import NumberedClasses
from airflow_mlops.training import estimators
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.preprocessing import (
    NATIVE,
    PREPROCESS,
    TARGET,
    ColumnFacts,
    Needs,
    Wishes,
    plan,
)
from airflow_mlops.training.preprocessing import building
from airflow_mlops.training.preprocessing.early_stopping import PATIENCE, best_rounds, booster_of, with_rounds
from airflow_mlops.training.preprocessing.facts import are_plain, facts_of
from airflow_mlops.training.preprocessing.needs import needs_of
from airflow_mlops.training.preprocessing.quick_fits import as_plain
from airflow_mlops.training.threshold import with_threshold

_TWO: Final = 2


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A fitted estimator that takes the features as they are, what was put before it, and the rounds found.

    Without early stopping there are no ``rounds``.
    """

    estimator: Any
    plan: Preprocessing
    rounds: int | None = None

    @property
    def last(self) -> Any:
        """The fitted estimator behind the steps, with its threshold."""
        return self.estimator[-1] if self.plan else self.estimator

    @property
    def params(self) -> dict[str, Any]:
        """What the MLflow run shows."""
        rounds = {"early_stopping.rounds": self.rounds} if self.rounds else {}
        return {"preprocess": "; ".join(self.plan.description) or "none", **rounds}


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """Rows to learn from, and how: ``features`` and ``target``, and what is done before and while fitting.

    ``rows`` returns the raw rows with the key columns, in the same order, when it is called. ``weights`` are
    the weights of the rows, if any, ``threshold`` the decision threshold of a model of two classes. ``plan``
    and ``rounds`` are those of an earlier fit, to be repeated. Without ``samples`` no error quotes a cell.
    """

    pipeline: Config
    features: pd.DataFrame
    target: pd.Series
    rows: Callable[[], pd.DataFrame]
    weights: pd.Series | None = None
    threshold: Threshold | None = None
    samples: bool = True
    plan: Preprocessing | None = None
    rounds: int | None = None

    def fit(self, estimator: Any) -> Learned:
        """Fit an estimator, with the steps before it that its class and the columns ask for.

        Raises ConfigError when ``train.preprocess`` names a column that is not a feature, when
        ``train.early_stopping`` asks for what the estimator has not, and when it cannot be fitted.
        """
        task = _Task(needs_of(estimator), estimators.task_of(estimator) == metrics.CLASSIFICATION)
        planned = self._plan(task)
        estimator = _with_categories(estimator, planned)
        rounds = self._rounds(estimator, planned, task)
        if rounds:
            estimator = with_rounds(estimator, rounds)
        if self._renumbers(task):
            estimator = NumberedClasses(estimator)
        if self.threshold is not None:
            classes, positive = estimators.classes_in(self.target), self.pipeline.data.positive
            estimator = with_threshold(estimator, self.threshold, classes, positive)
        if not planned:
            fitted = self._fitted(estimator)
            return Learned(estimator=fitted, plan=planned, rounds=rounds)
        steps = self._steps(planned, task)
        whole = Pipeline([(PREPROCESS, steps), (building.MODEL, estimator)])
        fitted = self._fitted(whole)
        building.with_folds(steps, building.FOLDS)
        as_plain(steps)
        return Learned(estimator=fitted, plan=planned, rounds=rounds)

    def _fitted(self, estimator: Any) -> Any:
        return estimators.fit(estimator, self.features, self.target, self.weights, samples=self.samples)

    @cached_property
    def _wishes(self) -> Wishes:
        section = self.pipeline.train.preprocess
        wishes = section.wishes if section else Wishes()
        known = [str(name) for name in self.features.columns]
        for name in (*wishes.kinds, *wishes.drop):
            if name not in known:
                raise ConfigError(
                    f"train.preprocess names {name!r}, which is not a feature{did_you_mean(name, known)}; "
                    f"the features are {', '.join(known[:20])}"
                )
        return wishes

    @cached_property
    def _facts(self) -> tuple[ColumnFacts, ...]:
        return facts_of(self.features, self._wishes.kinds, lambda: self._entities)

    @cached_property
    def _classes(self) -> int:
        return int(self.target.nunique())

    @cached_property
    def _entities(self) -> pd.Series | None:
        """The entity of each row, None when no entity has two."""
        data = self.pipeline.data
        if not data.keys:
            return None
        rows = self.rows()
        times = times_of(rows, data, samples=False)
        name = entity_of(data, timed=times is not None)
        values = rows[name].reset_index(drop=True) if name else None
        return values if values is not None and values.duplicated().any() else None

    def _plan(self, task: _Task) -> Preprocessing:
        if self.plan is not None:
            return self.plan
        wishes = self._wishes
        if self.pipeline.train.preprocess is None or (task.needs.alone and not wishes.any):
            return Preprocessing()
        if not wishes.any and are_plain(self.features, task.needs.gaps):
            return Preprocessing()
        found = plan(self._facts, task.needs, wishes, self._classes if task.classifies else 0)
        if found.left_out and not found.steps:
            raise ConfigError(
                f"train.preprocess leaves no feature: {'; '.join(found.notes) or 'all are in `drop`'}"
            )
        return found

    def _steps(
        self, planned: Preprocessing, task: _Task, chosen: np.ndarray[Any, Any] | None = None
    ) -> ColumnTransformer:
        """Return the steps for the rows that are ``chosen``, all by default."""
        entities = self._entities if TARGET in planned.steps else None
        if entities is not None and chosen is not None:
            entities = entities[chosen].reset_index(drop=True)
        classes = self._classes if task.classifies else 0
        return building.build(planned, task.needs, classes=classes, folds=building.folds_of(entities))

    def _renumbers(self, task: _Task) -> bool:
        """Whether the estimator needs classes 0, 1, 2 … and the target has others, or its answers a shape."""
        if task.needs.answers_in_a_column and task.classifies and self._classes > _TWO:
            return True
        if not (task.classifies and task.needs.numeric_labels):
            return False
        found = np.unique(np.asarray(self.target))
        return not (found.dtype.kind in "biuf" and np.array_equal(found, np.arange(len(found))))

    def _rounds(self, estimator: Any, planned: Preprocessing, task: _Task) -> int | None:
        """Return how many rounds predict rows best that are set aside as the hold-out is; None unasked."""
        wanted = self.pipeline.train.early_stopping
        if not wanted or self.rounds:
            return self.rounds
        booster_of(estimator)
        sides, target = self._sides(), self.target.to_numpy()
        learned, watched = sides.teaches, sides.held_out.copy()
        if task.classifies:
            watched &= np.isin(target, np.unique(target[learned]))
        labels = target
        if self._renumbers(task):
            labels = np.searchsorted(np.unique(target[learned]), target)
        rows = (self.features[learned], self.features[watched])
        if planned:
            steps = self._steps(planned, task, learned)
            rows = (steps.fit_transform(rows[0], target[learned]), steps.transform(rows[1]))
        weights = None if self.weights is None else self.weights.to_numpy()[learned]
        patience = PATIENCE if wanted is True else int(wanted)
        return best_rounds(
            estimator, patience, (rows[0], labels[learned]), (rows[1], labels[watched]), weights
        )

    def _sides(self) -> Split:
        """Set rows aside as the hold-out is: by time, by entity or by row, with its gap."""
        data, section = self.pipeline.data, self.pipeline.evaluate.holdout
        inner = replace(plan_of(data, section, self.pipeline.train.weights).inner, salt=EARLY_STOPPING)
        frame = self.rows().assign(**{data.target: self.target.to_numpy()})
        return split(frame, data, inner, samples=self.samples)


@dataclass(frozen=True)
class _Task:
    """What an estimator needs, and whether it learns classes."""

    needs: Needs
    classifies: bool


def _with_categories(estimator: Any, planned: Preprocessing) -> Any:
    """Tell a booster which of its columns are categories, where it has to be told."""
    if NATIVE not in planned.steps:
        return estimator
    if "enable_categorical" in estimator.get_params(deep=False):
        return deepcopy(estimator).set_params(enable_categorical=True)
    return estimator
