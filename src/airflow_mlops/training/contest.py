"""A challenger and an earlier version on the same rows of a hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected, MlopsError
from airflow_mlops.core.tags import JUDGED_MODEL_URI
from airflow_mlops.training import estimators
from airflow_mlops.training.core import gates, metrics
from airflow_mlops.training.core.bootstrap import CONFIDENCE, paired_bootstrap
from airflow_mlops.training.core.comparison import Statistic, negated
from airflow_mlops.training.core.units import Units, by_class

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.core.records import Comparison
    from airflow_mlops.training.counted_rows import Counted
    from airflow_mlops.training.mlflow_access import Mlflow
    from airflow_mlops.training.registry import Version

_GONE: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_SHOWN: Final = 5


class NoFigure(DataRejected):
    """A metric has no value, or no interval, on the rows of a comparison."""


@dataclass(frozen=True, eq=False)
class Challenge:
    """What a challenger says of the rows of a hold-out: raw rows, target, its answers, and the units."""

    rows: pd.DataFrame
    target: pd.Series
    answers: metrics.Outcome
    units: Units
    scoring: metrics.Scoring = metrics.AS_THEY_ARE


@dataclass(frozen=True, eq=False)
class Pair:
    """The answers of challenger and version to the rows that count; ``mask`` chooses them, shape (rows,)."""

    mask: NDArray[np.bool_]
    mine: metrics.Outcome
    theirs: metrics.Outcome


@dataclass(frozen=True)
class Contest:
    """The comparisons with a version.

    ``problem`` says why there are none and ``next_step`` what a person can do then, ``unknown`` why they
    prove nothing; ``left_out`` is how many rows did not count, because the version has learned from them.
    ``pair`` are the answers, None with a problem.
    """

    version: int
    comparisons: tuple[Comparison, ...] = ()
    problem: str = ""
    unknown: str = ""
    left_out: int = 0
    next_step: str = ""
    pair: Pair | None = None

    @property
    def is_evidence(self) -> bool:
        """Whether there are comparisons, and they prove something."""
        return bool(self.comparisons) and not self.unknown


def judged_uri(name: str, version: Version) -> str:
    """Return the URI of the model that was judged when ``version`` was registered.

    That is its twin without the rows of the hold-out, where its tags name one, else the version's own model.
    """
    return version.tags.get(JUDGED_MODEL_URI) or f"models:/{name}/{version.version}"


def contest(
    mlflow: Mlflow, uri: str, version: int, challenge: Challenge, limits: Mapping[str, str], counted: Counted
) -> Contest:
    """Ask the model ``uri`` of a version for the rows that count, and compare by the metrics in ``limits``.

    Raises BackendError when MLflow does not answer; whatever else the model raises is the ``problem``.
    """
    left_out = counted.left_out
    if left_out == len(challenge.rows):
        problem = f"it has learned from each of the {left_out:,} rows"
        step = "hold out rows that it has not learned from"
        return Contest(version, problem=problem, unknown=counted.unknown, left_out=left_out, next_step=step)
    mask, model = counted.mask, None
    try:
        model = mlflow.load_model(uri)
        mine = challenge.answers.part(mask)
        theirs = estimators.ask(model, challenge.rows[mask], challenge.target[mask], challenge.scoring)
        if theirs.task != mine.task:
            raise ConfigError(f"it does {theirs.task}, the challenger does {mine.task}")
        mine, theirs = metrics.comparable(mine, theirs)
        if mine.unknown_rows:  # a label that one of the two does not know
            mask, known = _within(mask, mine.known), mine.known
            mine, theirs = mine.part(known), theirs.part(known)
        units = challenge.units.part(mask)
        found = tuple(compared(name, mine, theirs, units, limit) for name, limit in limits.items())
    except Exception as error:  # noqa: BLE001 - the version's own code runs here: whatever it raises counts
        problem, step = _problem(error, model, challenge.rows)
        return Contest(version, problem=problem, left_out=left_out, next_step=step)
    pair = Pair(mask, mine, theirs)
    return Contest(version, found, unknown=counted.unknown, left_out=left_out, pair=pair)


def _problem(error: Exception, model: Any, rows: pd.DataFrame) -> tuple[str, str]:
    """Return why there is no comparison, and the next step; raises an error that may pass by itself."""
    if isinstance(error, BackendError):
        if not _is_gone(error):  # MLflow may answer when this is tried again
            raise error
        return f"it cannot be loaded: {error}", "restore its files"
    if model is None:
        text = str(error) if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
        return f"it cannot be loaded: {text}", "restore its files"
    asked = [str(name) for name in getattr(model, "feature_names_in_", ())]
    missing = [name for name in asked if name not in rows]
    if missing:
        named = ", ".join(map(repr, missing[:_SHOWN])) + (", …" if len(missing) > _SHOWN else "")
        return f"it asks for columns that the hold-out does not have: {named}", "bring them back"
    if isinstance(error, NoFigure):
        return str(error), "hold out more rows, or compare by another metric"
    if isinstance(error, MlopsError):  # a label, a task or a probability that does not fit
        return str(error), "bring its columns and labels back"
    return f"it fails on these rows: {type(error).__name__}: {error}", "bring its columns back as they were"


def _within(mask: NDArray[np.bool_], part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of all rows from one of those that another mask has chosen."""
    found = mask.copy()
    found[mask] = part
    return found


def _is_gone(error: BackendError) -> bool:
    """Whether MLflow answered, and does not have the model any more."""
    cause = error.__cause__
    return isinstance(cause, FileNotFoundError) or getattr(cause, "error_code", "") in _GONE


def compared(
    name: str,
    mine: metrics.Outcome,
    theirs: metrics.Outcome,
    units: Units,
    limit: str,
    *,
    confidence: float | None = None,
) -> Comparison:
    """Return two outcomes of the same rows compared by one metric, held against ``limit``.

    With a ``confidence`` of its own the interval is the normal one. Raises DataRejected where there is no
    figure or no interval.
    """
    facts = metrics.facts(name)
    first, second = (_oriented(name, outcome, facts.larger_is_better) for outcome in (mine, theirs))
    strata = by_class(mine.truth, units) if facts.by_class else None
    codes = None if units.are_rows else units.codes
    interval = paired_bootstrap(
        first,
        second,
        mine.rows,
        units=codes,
        strata=strata,
        confidence=confidence or CONFIDENCE,
        normal=confidence is not None,
    )
    if not np.isfinite([interval.challenger, interval.champion, interval.low, interval.high]).all():
        raise NoFigure(
            f"{name} is not a number on these {mine.rows:,} rows (challenger {interval.challenger:.4g}, "
            f"version {interval.champion:.4g})"
        )
    return gates.compare(
        name, interval, limit, larger_is_better=facts.larger_is_better, rows=mine.rows, unit=units.what
    )


def _oriented(name: str, outcome: metrics.Outcome, larger: bool) -> Statistic:
    statistic = metrics.statistic(name, outcome)
    return statistic if larger else negated(statistic)
