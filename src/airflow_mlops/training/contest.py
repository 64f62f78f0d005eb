"""A challenger and an earlier version on the same rows of a hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.tags import JUDGED_MODEL_URI
from airflow_mlops.training import estimators
from airflow_mlops.training.core import gates, metrics
from airflow_mlops.training.core.bootstrap import paired_bootstrap
from airflow_mlops.training.core.comparison import Statistic, negated
from airflow_mlops.training.core.units import Units, by_class

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.core.records import Comparison
    from airflow_mlops.training.counted_rows import Counted
    from airflow_mlops.training.mlflow_access import Mlflow
    from airflow_mlops.training.registry import Version

_GONE: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


@dataclass(frozen=True, eq=False)
class Challenge:
    """What a challenger says of the rows of a hold-out: raw rows, target, its answers, and the units."""

    rows: pd.DataFrame
    target: pd.Series
    answers: metrics.Outcome
    units: Units
    scoring: metrics.Scoring = metrics.AS_THEY_ARE


@dataclass(frozen=True)
class Contest:
    """The comparisons with a version.

    ``problem`` says why there are none, ``unknown`` why they prove nothing; ``left_out`` is how many rows did
    not count, because the version has learned from them.
    """

    version: int
    comparisons: tuple[Comparison, ...] = ()
    problem: str = ""
    unknown: str = ""
    left_out: int = 0

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
        return Contest(version, problem=problem, unknown=counted.unknown, left_out=left_out)
    mask = counted.mask
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
        found = tuple(_compared(name, mine, theirs, units, limit) for name, limit in limits.items())
    except BackendError as error:
        if not _is_gone(error):  # MLflow may answer when this is tried again
            raise
        return Contest(version, problem=f"it cannot be loaded: {error}", left_out=left_out)
    except (ConfigError, DataRejected) as error:
        return Contest(version, problem=str(error), left_out=left_out)
    except Exception as error:  # noqa: BLE001 - the version's own code runs here: whatever it raises counts
        return Contest(version, problem=f"{type(error).__name__}: {error}", left_out=left_out)
    return Contest(version, found, unknown=counted.unknown, left_out=left_out)


def _within(mask: NDArray[np.bool_], part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of all rows from one of those that another mask has chosen."""
    found = mask.copy()
    found[mask] = part
    return found


def _is_gone(error: BackendError) -> bool:
    """Whether MLflow answered, and does not have the model any more."""
    cause = error.__cause__
    return isinstance(cause, FileNotFoundError) or getattr(cause, "error_code", "") in _GONE


def _compared(
    name: str, mine: metrics.Outcome, theirs: metrics.Outcome, units: Units, limit: str
) -> Comparison:
    facts = metrics.facts(name)
    first, second = (_oriented(name, outcome, facts.larger_is_better) for outcome in (mine, theirs))
    strata = by_class(mine.truth, units) if facts.by_class else None
    codes = None if units.are_rows else units.codes
    interval = paired_bootstrap(first, second, mine.rows, units=codes, strata=strata)
    if not np.isfinite([interval.challenger, interval.champion, interval.low, interval.high]).all():
        raise DataRejected(
            f"{name} is not a number on these {mine.rows:,} rows (challenger {interval.challenger:.4g}, "
            f"version {interval.champion:.4g})"
        )
    return gates.compare(
        name, interval, limit, larger_is_better=facts.larger_is_better, rows=mine.rows, unit=units.what
    )


def _oriented(name: str, outcome: metrics.Outcome, larger: bool) -> Statistic:
    statistic = metrics.statistic(name, outcome)
    return statistic if larger else negated(statistic)
