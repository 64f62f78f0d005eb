"""How the groups of the hold-out are treated: the differences that the pipeline file limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.limits import Limit
from airflow_mlops.core.positive_class import check_declared
from airflow_mlops.core.records import GroupDifference, GroupRate
from airflow_mlops.core.records.groups import UNCLEAR
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.bootstrap import LEAST_UNITS
from airflow_mlops.training.core.group_differences import apart, denominator
from airflow_mlops.training.core.group_limits import outcome_of
from airflow_mlops.training.core.group_rates import EQUAL_OPPORTUNITY
from airflow_mlops.training.core.units import Units
from airflow_mlops.training.slices import checked_labels

_TWO: Final = 2


def judge(
    rows: pd.DataFrame, outcome: metrics.Outcome, section: Evaluate, units: Units
) -> tuple[GroupDifference, ...]:
    """Hold the differences between the values of the columns in ``evaluate.groups`` against their limits.

    ``rows`` are the raw hold-out rows in the order of ``outcome`` and ``units``; a gap is a group of its own,
    and a row with a label that the model does not know does not count. A group with fewer than
    ``min_slice_rows`` rows, or fewer than 30 units in the denominator of its rate, is reported, not judged.
    Raises ConfigError for a column that is not there or has more than 100 values, and for a model that does
    not tell two classes apart.
    """
    if section.groups and (outcome.task != metrics.CLASSIFICATION or outcome.size != _TWO):
        raise ConfigError(_TWO_CLASSES)
    known = outcome.known
    kept, part, own = rows[known], outcome.part(known), units.part(known)
    return tuple(item for column in section.groups for item in _column(kept, part, own, column, section))


def check_classes(section: Evaluate, classes: list[Any], positive: Any) -> None:
    """Raise ConfigError unless limits between groups can be judged: two classes, and which is positive."""
    if not section.groups:
        return
    if len(classes) > _TWO or not classes:
        raise ConfigError(_TWO_CLASSES)
    check_declared(classes, positive, matters=True)


_TWO_CLASSES: Final = (
    "evaluate.groups is about the positive class of two: it needs a classifier and a target of two classes"
)


def _column(
    rows: pd.DataFrame, outcome: metrics.Outcome, units: Units, column: str, section: Evaluate
) -> Iterator[GroupDifference]:
    values, codes = np.unique(checked_labels(rows, column, "evaluate.groups"), return_inverse=True)
    for measure, limit in section.groups[column].items():
        counts = denominator(measure, outcome.truth)
        rates = tuple(
            _rate(str(value), codes == place, outcome, counts, units, measure, section.min_slice_rows)
            for place, value in enumerate(values)
        )
        judged = np.array([item.rate is not None for item in rates], dtype=bool)
        yield _difference(outcome, units, codes, counts & judged[codes], column, measure, limit, rates)


def _rate(
    value: str,
    group: NDArray[Any],
    outcome: metrics.Outcome,
    counts: NDArray[Any],
    units: Units,
    measure: str,
    least: int,
) -> GroupRate:
    rows, mask = int(group.sum()), group & counts
    counted = int(mask.sum())
    if rows < least:
        return GroupRate(value, rows, counted, skipped=f"fewer than {least} rows")
    if len(np.unique(units.codes[mask])) < LEAST_UNITS:
        of_class = " with a row of the positive class" if measure == EQUAL_OPPORTUNITY else ""
        return GroupRate(value, rows, counted, skipped=f"fewer than {LEAST_UNITS} {units.what}{of_class}")
    return GroupRate(value, rows, counted, float((outcome.predicted[mask] == 1).mean()))


def _difference(
    outcome: metrics.Outcome,
    units: Units,
    codes: NDArray[Any],
    mask: NDArray[Any],
    column: str,
    measure: str,
    limit: str,
    rates: tuple[GroupRate, ...],
) -> GroupDifference:
    text = str(Limit.parse(limit))
    if sum(item.rate is not None for item in rates) < _TWO:
        return GroupDifference(column, measure, text, UNCLEAR, rates=rates)
    groups = np.unique(codes[mask], return_inverse=True)[1]
    found = apart(outcome.predicted[mask] == 1, groups, units.part(mask))
    sound = not math.isnan(found.low)
    return GroupDifference(
        column=column,
        measure=measure,
        limit=text,
        outcome=outcome_of(found.low, found.high, text),
        difference=found.difference,
        low=found.low if sound else None,
        high=found.high if sound else None,
        rates=rates,
    )
