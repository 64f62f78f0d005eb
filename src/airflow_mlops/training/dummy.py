"""What a model without any feature reaches on the same rows: the least that a model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.bootstrap import paired_bootstrap
from airflow_mlops.training.core.comparison import Statistic, negated

_DRAWS: Final = 200
_ROWS: Final = 20_000
"""Rows that show it where there is no doubt."""
_NO_DOUBT: Final = 0.9999


@dataclass(frozen=True)
class DummyScore:
    """The figures of a dummy model, and a sentence when the model does not beat it on the first metric."""

    metrics: dict[str, float] = field(default_factory=dict)
    caution: str = ""


def judge(target: pd.Series, outcome: metrics.Outcome, names: Sequence[str]) -> DummyScore:
    """Score a dummy on the rows of ``outcome`` by each of ``names``.

    ``target`` holds the labels that the model was fitted on. The dummy gives each row the shares of the
    classes, or the mean (``sklearn.dummy``, strategies ``prior`` and ``mean``). A metric that these rows do
    not define is left out. The first metric is compared by a paired bootstrap of the rows: of a
    sample of them where that leaves no doubt.
    """
    dummy = _fitted(target, outcome)
    figures: dict[str, float] = {}
    for name in names:
        try:
            figures |= metrics.compute([name], dummy)
        except MlopsError:
            continue
    return DummyScore(figures, _caution(names[0], outcome, dummy) if names and names[0] in figures else "")


def _fitted(target: pd.Series, outcome: metrics.Outcome) -> metrics.Outcome:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    rows = np.zeros((outcome.rows, 1))
    known = target[target.notna()]
    blank = np.zeros((len(known), 1))
    if outcome.task == metrics.REGRESSION:
        mean = DummyRegressor(strategy="mean").fit(blank, known.to_numpy(dtype=float))
        return replace(outcome, predicted=mean.predict(rows), probabilities=None)
    codes = known.map({label: place for place, label in enumerate(outcome.classes)}).dropna().astype(int)
    prior = DummyClassifier(strategy="prior").fit(np.zeros((len(codes), 1)), codes.to_numpy())
    chances = np.zeros(max(outcome.size, 1))
    chances[prior.classes_] = prior.class_prior_
    wide = None if outcome.probabilities is None else np.broadcast_to(chances, (outcome.rows, chances.size))
    return replace(outcome, predicted=prior.predict(rows), probabilities=wide)


def _caution(name: str, outcome: metrics.Outcome, dummy: metrics.Outcome) -> str:
    larger = metrics.facts(name).larger_is_better
    model, base = (_oriented(name, item, larger) for item in (outcome, dummy))
    if _clearly_beats(name, outcome, dummy, larger):
        return ""
    found = paired_bootstrap(model, base, outcome.rows, draws=_DRAWS)
    if not found.is_sound:
        return (
            f"{outcome.rows:,} rows are too few to show whether the model beats a dummy that knows no feature"
        )
    if found.low > 0:
        return ""
    sign = 1.0 if larger else -1.0
    figures = f"{name} {sign * found.challenger:.3f}, the dummy's {sign * found.champion:.3f}"
    verb = "does not beat" if found.difference <= 0 else "does not clearly beat"
    return (
        f"the model {verb} a dummy that knows no feature ({figures}; better by {found.difference:+.3f}, "
        f"95 % interval {found.low:+.3f} to {found.high:+.3f})"
    )


def _clearly_beats(name: str, outcome: metrics.Outcome, dummy: metrics.Outcome, larger: bool) -> bool:
    """Whether a sample of many rows leaves no doubt (99.99 %), so that resampling all of them is in vain."""
    if outcome.rows < 2 * _ROWS:
        return False
    some = np.zeros(outcome.rows, dtype=bool)
    some[np.random.default_rng(0).choice(outcome.rows, _ROWS, replace=False)] = True
    try:
        model, base = (_oriented(name, item.part(some), larger) for item in (outcome, dummy))
    except MlopsError:  # the sample does not define the metric
        return False
    found = paired_bootstrap(model, base, _ROWS, draws=_DRAWS, confidence=_NO_DOUBT)
    return found.is_sound and found.low > 0


def _oriented(name: str, outcome: metrics.Outcome, larger: bool) -> Statistic:
    statistic = metrics.statistic(name, outcome)
    return statistic if larger else negated(statistic)
