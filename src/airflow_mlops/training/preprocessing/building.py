"""Builds the planned steps out of scikit-learn's transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from airflow_mlops.core.records.preprocessing import Preprocessing
from airflow_mlops.model_steps.columns import (
    Categories,
    Words,
    as_numbers,
    as_text,
    date_parts,
    part_names,
)
from airflow_mlops.training.core import preprocessing as core
from airflow_mlops.training.core.preprocessing import Needs
from airflow_mlops.training.preprocessing.quick_fits import QuickEncoder, QuickImputer

MODEL: Final = "model"
_COMPONENTS: Final = 50
FOLDS: Final = KFold(5, shuffle=True, random_state=0)
_CALENDAR: Final = ("month", "weekday", "hour")

Folds = Any
"""What scikit-learn takes for ``cv``: a splitter, or pairs of places of rows to learn and to encode."""


def build(plan: Preprocessing, needs: Needs, *, classes: int, folds: Folds) -> ColumnTransformer:
    """Return the unfitted steps.

    ``classes`` is how many classes the target has (0: regression), ``folds`` what target encoding is
    cross-fitted with.
    """
    make = _Steps(plan, needs, classes, folds)
    steps = [part for step, names in plan.steps.items() for part in make.parts(step, names)]
    table = core.NATIVE in plan.steps or core.AS_IS in plan.steps
    built = ColumnTransformer(
        steps,
        sparse_threshold=1.0 if plan.sparse else 0.0,
        verbose_feature_names_out=core.AS_IS not in plan.steps,
    )
    return built.set_output(transform="pandas") if table else built


def folds_of(entities: pd.Series | None) -> Folds:
    """Return the folds of target encoding: rows of an entity are in one fold, so that none teaches itself.

    Without entities rows are shuffled.
    """
    if entities is None:
        return FOLDS
    codes, names = pd.factorize(entities)
    if len(names) < 2:
        return FOLDS
    codes[codes < 0] = len(names) + np.arange((codes < 0).sum())  # a row without entity is one of its own
    count = min(FOLDS.n_splits, len(names))
    fold = np.random.default_rng(0).permutation(codes.max() + 1) % count
    of_row = fold[codes]
    return [(np.flatnonzero(of_row != one), np.flatnonzero(of_row == one)) for one in range(count)]


def with_folds(steps: ColumnTransformer, folds: Folds) -> None:
    """Give target encoding its folds: after the fit those without rows, which a model should not carry."""
    fitted = getattr(steps, "transformers_", ())
    for _, part, _ in (*steps.transformers, *fitted):
        for step in part if isinstance(part, Pipeline) else ():
            if isinstance(step, TargetEncoder):
                step.set_params(cv=folds)


class _Steps:
    """Makes the transformers of each kind of step."""

    def __init__(self, plan: Preprocessing, needs: Needs, classes: int, folds: Folds) -> None:
        self.plan, self.needs, self.classes, self.folds = plan, needs, classes, folds

    def parts(self, step: str, names: Sequence[str]) -> list[tuple[str, Any, list[str]]]:
        """Return (name, transformer, columns) of a step."""
        columns = list(names)
        if step == core.WORDS:
            components = 0 if self.plan.sparse else _COMPONENTS
            return [(f"{step}_{number}", Words(components), [name]) for number, name in enumerate(columns)]
        if step == core.DATES:
            return self._dates(columns)
        makers: dict[str, Callable[[], Any]] = {
            core.NUMBERS: self._numbers,
            core.FLAGS: self._flags,
            core.ONE_HOT: self._one_hot,
            core.ORDINAL: self._ordinal,
            core.NATIVE: Categories,
            core.TARGET: self._target,
            core.AS_IS: lambda: "passthrough",
        }
        return [(step, makers[step](), columns)]

    def _numbers(self) -> Pipeline:
        return make_pipeline(_function(as_numbers), *self._filled("median"), *self._scaler())

    def _flags(self) -> Pipeline:
        return make_pipeline(_function(as_numbers), *self._filled("most_frequent"))

    def _one_hot(self) -> Pipeline:
        return make_pipeline(_function(as_text), self._levels())

    def _levels(self) -> OneHotEncoder:
        most = self.plan.max_levels + 1  # gaps are a level
        return QuickEncoder(handle_unknown="ignore", max_categories=most, sparse_output=self.plan.sparse)

    def _ordinal(self) -> Pipeline:
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1
        )
        return make_pipeline(_function(as_text), encoder)

    def _target(self) -> Pipeline:
        kind = "continuous" if not self.classes else "binary" if self.classes == 2 else "multiclass"
        encoder = TargetEncoder(target_type=kind, cv=self.folds)
        return make_pipeline(_function(as_text), encoder, *self._scaler())

    def _dates(self, names: list[str]) -> list[tuple[str, Any, list[str]]]:
        parts = {name: tuple(self.plan.parts[name]) for name in names}
        if not self.plan.scale:
            made = make_pipeline(_function(date_parts, parts=parts), *self._filled("median"))
            return [(core.DATES, made, names)]
        numbers = {name: tuple(p for p in some if p not in _CALENDAR) for name, some in parts.items()}
        levels = {name: tuple(p for p in some if p in _CALENDAR) for name, some in parts.items()}
        found: list[tuple[str, Any, list[str]]] = []
        if any(numbers.values()):
            made = make_pipeline(
                _function(date_parts, parts=numbers), *self._filled("median"), *self._scaler()
            )
            found.append((core.DATES, made, names))
        if any(levels.values()):
            made = make_pipeline(_function(date_parts, parts=levels), self._levels())
            found.append((f"{core.DATES}_calendar", made, names))
        return found

    def _filled(self, strategy: str) -> list[SimpleImputer]:
        if self.needs.gaps:
            return []
        return [QuickImputer(strategy=strategy, add_indicator=True, keep_empty_features=True)]

    def _scaler(self) -> list[Any]:
        if not self.plan.scale:
            return []
        return [MinMaxScaler(clip=True) if self.plan.scale == "unit" else StandardScaler()]


def _function(function: Any, **arguments: Any) -> FunctionTransformer:
    names = part_names if function is date_parts else "one-to-one"
    return FunctionTransformer(function, kw_args=arguments or None, feature_names_out=names)
