"""What is reported with the figures of a model: their class, a dummy's figures, cautions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from airflow_mlops.core.positive_class import class_in_question
from airflow_mlops.training import dummy
from airflow_mlops.training.core import metrics

_TWO = 2


@dataclass(frozen=True)
class Beside:
    """``of_class`` is the positive class of two, ``dummy`` a dummy's figures on the same rows.

    ``unknown_labels`` rows do not count, because the model was not trained on their label; ``caution`` is
    what a reader should know before the figures are believed, empty when nothing is.
    """

    of_class: str = ""
    dummy: Mapping[str, float] = field(default_factory=dict)
    unknown_labels: int = 0
    caution: str = ""


def beside(learned: pd.Series, outcome: metrics.Outcome, names: Sequence[str]) -> Beside:
    """Return what is reported with the figures ``names`` of ``outcome``.

    ``learned`` is the target of the rows that the model was fitted on: the dummy is fitted on it.
    """
    score = dummy.judge(learned, outcome, names)
    left_out = outcome.unknown_rows
    named = f" ({outcome.unknown_labels})" if outcome.unknown_labels else ""
    unknown = (
        f"{left_out:,} of {outcome.rows:,} rows do not count: the model was not trained on their label{named}"
        if left_out
        else ""
    )
    cautions = (score.caution, unknown, metrics.unseen_classes(names, outcome), _one_class(outcome))
    return Beside(
        of_class=class_of(outcome),
        dummy=score.metrics,
        unknown_labels=left_out,
        caution="; ".join(filter(None, cautions)),
    )


def _one_class(outcome: metrics.Outcome) -> str:
    """Say that a hold-out has rows of one class of two only."""
    if outcome.task != metrics.CLASSIFICATION or outcome.size != _TWO or len(outcome.absent_classes) != 1:
        return ""
    return (
        f"no hold-out row is of the class {outcome.absent_classes[0]!r}: no figure says whether the model "
        "finds it; hold out more rows"
    )


def class_of(outcome: metrics.Outcome) -> str:
    """Return the class of two that the figures of an outcome are about, unless it goes without saying."""
    two = outcome.task == metrics.CLASSIFICATION and outcome.size == _TWO
    return class_in_question(outcome.classes, 1) if two else ""
