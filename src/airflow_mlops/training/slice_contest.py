"""Challenger and champion within parts of the hold-out: in no part may the model be clearly worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import SliceComparison
from airflow_mlops.training.contest import Challenge, Contest, Pair, compared
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.bootstrap import CONFIDENCE
from airflow_mlops.training.core.units import Units
from airflow_mlops.training.slices import checked_labels, too_small

LEAST_OF_A_CLASS: Final = 10
"""Units of a class that a metric about classes needs: with fewer, its spread is hardly known."""


@dataclass(frozen=True, eq=False)
class _Slice:
    """A part of the rows that count, with the metrics that can be compared on it."""

    found: SliceComparison
    mask: NDArray[Any]
    limits: dict[str, str]


def against_champion(
    challenge: Challenge, champion: Contest | None, section: Evaluate
) -> tuple[SliceComparison, ...]:
    """Compare with the champion within each value of the columns in ``evaluate.slices_against_champion``.

    The intervals hold for all slices and metrics together (Bonferroni 1936): of two equal models, with the
    limit ``>= 0``, in 2.5 % of trainings at most one is found to be clearly worse in any slice. A value with
    fewer than ``min_slice_rows`` rows or 30 entities, or with fewer than 10 of a class where the metric is
    about classes, is reported and not judged. Without answers of the champion that count there is nothing.
    Raises ConfigError for a column that is not there or has more than 100 values.
    """
    if champion is None or champion.pair is None or champion.unknown:
        return ()
    pair, units = champion.pair, challenge.units.part(champion.pair.mask)
    rows = challenge.rows[pair.mask]
    slices = [
        item
        for column in section.slices_against_champion
        for item in _slices_of(rows, pair, units, column, section)
    ]
    tests = sum(len(item.limits) for item in slices)
    confidence = 1 - (1 - CONFIDENCE) / max(tests, 1)
    return tuple(_judged(item, pair, units, confidence) for item in slices)


def _slices_of(
    rows: pd.DataFrame, pair: Pair, units: Units, column: str, section: Evaluate
) -> Iterator[_Slice]:
    labels = checked_labels(rows, column, "evaluate.slices_against_champion")
    for value in np.unique(labels):
        mask: NDArray[Any] = labels == value
        own = units.part(mask)
        found = SliceComparison(column, str(value), int(mask.sum()))
        if small := too_small(found.rows, own, section.min_slice_rows):
            yield _Slice(replace(found, skipped=small), mask, {})
            continue
        few = _few_of_a_class(pair.mine.part(mask), own)
        limits = {
            name: limit
            for name, limit in section.slices_against_champion[column].items()
            if not (few and _is_about_classes(name))
        }
        yield _Slice(found if limits else replace(found, skipped=few), mask, limits)


def _few_of_a_class(outcome: metrics.Outcome, units: Units) -> str:
    """Return which classes have too few units, of two classes also one that has none."""
    if outcome.task != metrics.CLASSIFICATION:
        return ""
    counts = [len(np.unique(units.codes[outcome.truth == place])) for place in range(outcome.size)]
    known = counts if outcome.size == 2 else [count for count in counts if count]
    if len(known) > 1 and min(known) >= LEAST_OF_A_CLASS:
        return ""
    return f"fewer than {LEAST_OF_A_CLASS} {units.what} of a class"


def _is_about_classes(name: str) -> bool:
    facts = metrics.facts(name)
    return facts.of_a_class or facts.by_class or facts.ranks


def _judged(item: _Slice, pair: Pair, units: Units, confidence: float) -> SliceComparison:
    mine, theirs, own = pair.mine.part(item.mask), pair.theirs.part(item.mask), units.part(item.mask)
    found, why = [], item.found.skipped
    for name, limit in item.limits.items():
        try:
            found.append(compared(name, mine, theirs, own, limit, confidence=confidence))
        except DataRejected as error:
            why = str(error)
    return replace(item.found, comparisons=tuple(found), skipped="" if found else why)
