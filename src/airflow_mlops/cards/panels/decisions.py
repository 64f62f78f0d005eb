"""What the model decides on the hold-out: the confusion matrix, or the most frequent mistakes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from airflow_mlops.cards.core.scales import number, percent
from airflow_mlops.cards.panel import Panel, Table
from airflow_mlops.cards.training import Training
from airflow_mlops.training.core.metrics import Outcome

_MOST_CLASSES: Final = 8
_MOST_CONFUSIONS: Final = 10


def decisions(training: Training) -> Panel:
    """Return the confusion matrix, or the most frequent mistakes where it would not fit."""
    if len(training.classes) > _MOST_CLASSES:
        return _confusions(training)
    outcome, size = training.outcome, max(len(training.classes), 2)
    table = confusion_table(outcome, size)
    names = [training.name_of(index) for index in range(size)]
    rows, heat = [], []
    for index in range(size):
        real = int(table[index].sum())
        cells = [_cell(value, real, alone=size > 2) for value in table[index].tolist()]
        rows.append((f"is {names[index]}", *cells))
        heat.append((0, *(_heat(value / len(outcome.truth)) for value in table[index].tolist())))
    part = Table(("", *(f"predicted {name}" for name in names)), tuple(rows), tuple(heat))
    right = float(np.trace(table)) / max(table.sum(), 1)
    if size == 2:
        predicted, real, hits = int(table[:, 1].sum()), int(table[1].sum()), int(table[1, 1])
        sentence = (
            f"{percent(hits / predicted)} of the rows predicted {names[1]} are right; "
            f"{percent(hits / real)} of {names[1]} are found."
            if predicted and real
            else f"No row is predicted {names[1]}."
            if real
            else f"No row of the hold-out is {names[1]}."
        )
    else:
        sentence = f"{percent(right)} of the rows are predicted correctly."
    note = "Rows of each class, by their prediction."
    if size == 2:
        threshold = training.evaluation.model.threshold
        line = (
            "" if threshold is None else f"Predicted {names[1]} from a probability of {number(threshold)}. "
        )
        note = f"{line}Shares are of the rows of the class."
    return Panel("Decisions", sentence, (part,), note=note)


def confusion_table(outcome: Outcome, size: int) -> Any:
    """Return the rows of each class (first axis) by their prediction, shape (size, size)."""
    pairs = outcome.truth * size + outcome.predicted
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def _cell(rows: int, of: int, *, alone: bool) -> str:
    """Return the rows of a cell, with their share of the class where there is room."""
    return f"{rows:,}" if alone or not of else f"{rows:,} ({percent(rows / of)})"


def _heat(share: float) -> int:
    return int(np.searchsorted([0.0001, 0.05, 0.15, 0.3, 0.5], share)) if share else 0


def _confusions(training: Training) -> Panel:
    """The most frequent mistakes, where a table of all classes would not fit."""
    outcome, size = training.outcome, len(training.classes)
    wrong = outcome.truth != outcome.predicted
    pairs, counts = np.unique(outcome.truth[wrong] * size + outcome.predicted[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_CONFUSIONS]
    rows = tuple(
        (
            training.name_of(int(pairs[at]) // size),
            training.name_of(int(pairs[at]) % size),
            f"{int(counts[at]):,}",
        )
        for at in order
    )
    sentence = f"{percent(1 - float(wrong.mean()))} of the rows are predicted correctly, of {size:,} classes."
    part = Table(("is", "predicted", "rows"), rows)
    return Panel(
        "Decisions", sentence, (part,) if rows else (), note="The most frequent mistakes." if rows else ""
    )
