"""Curves of a score of two classes on the hold-out: ROC, and precision against recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from airflow_mlops.cards import svg
from airflow_mlops.cards.core import curves
from airflow_mlops.cards.core.scales import Scale, number, percent
from airflow_mlops.cards.panel import ASK, Badge, Chart, Panel
from airflow_mlops.cards.panels.decisions import confusion_table
from airflow_mlops.cards.training import Training, count

_SHARE: Final = Scale(0.0, 1.0)
_DIAGONAL: Final = curves.Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
_FEW_OF_A_CLASS: Final = 10
_HALF: Final = 0.5


def roc(training: Training) -> Panel:
    """Return the ROC curve of the model, and the champion's where it has scores."""
    if empty := _one_class(training, "ROC curve"):
        return empty
    positive, scores = training.outcome.truth == 1, np.asarray(training.outcome.scores, dtype=float)
    curve = curves.roc(positive, scores)
    area = float(np.trapezoid(curve.y, curve.x))
    axes = svg.Axes(_SHARE, _SHARE, "false positive rate", "true positive rate")
    drawn = svg.chart(
        f"ROC curve with area {number(area)}",
        axes,
        svg.line(axes, _DIAGONAL, "exact"),
        *_champion(training, axes, curves.roc, (0.98, 0.14), "end"),
        svg.line(axes, curve),
        *_decided(training, axes),
        svg.note(axes, 0.98, 0.06, f"this model, area {number(area)}", anchor="end", style="named"),
        svg.note(axes, 0.55, 0.47, "chance", anchor="start"),
    )
    at = float(np.interp(0.1, curve.x, curve.y))
    sentence = f"Finds {percent(at)} of {training.positive} at a false positive rate of 10 %."
    return Panel(
        "ROC curve",
        sentence,
        (_with_numbers(drawn, curve, "false positive rate", "true positive rate"),),
        note=_notes(training),
        width="third",
    )


def precision_recall(training: Training) -> Panel:
    """Return precision against recall of the model, and the champion's where it has scores."""
    if empty := _one_class(training, "Precision and recall"):
        return empty
    positive, scores = training.outcome.truth == 1, np.asarray(training.outcome.scores, dtype=float)
    curve = curves.precision_recall(positive, scores)
    share = float(positive.mean())
    axes = svg.Axes(_SHARE, _SHARE, "recall", "precision")
    base = curves.Curve(np.array([0.0, 1.0]), np.array([share, share]))
    order = np.argsort(curve.x)
    at = float(np.interp(0.5, curve.x[order], curve.y[order]))
    # Names where the curves are not: a good model's are at the top.
    x, y, anchor = (0.98, 0.88, "end") if at < _HALF else (0.02, 0.03, "start")
    drawn = svg.chart(
        "Precision against recall",
        axes,
        svg.line(axes, base, "exact"),
        *_champion(training, axes, curves.precision_recall, (x, y + 0.08), anchor),
        svg.line(axes, curve),
        svg.note(axes, x, y, "this model", anchor=anchor, style="named"),
        svg.note(axes, 0.02, min(share + 0.03, 0.94), f"chance {percent(share)}"),
    )
    sentence = f"Precision is {percent(at)} when half of {training.positive} are found."
    return Panel(
        "Precision and recall",
        sentence,
        (_with_numbers(drawn, curve, "recall", "precision"),),
        note=_notes(training),
        width="third",
    )


def _one_class(training: Training, title: str) -> Panel | None:
    """Return an empty panel when the hold-out has one class only."""
    truth = training.outcome.truth
    ups = int((truth == 1).sum())
    if 0 < ups < len(truth):
        return None
    return Panel(
        title,
        "The hold-out has one class only: there is no curve.",
        badge=Badge(ASK, "One class"),
        width="third",
    )


def _few(training: Training) -> str:
    """Return a warning when one class has few rows."""
    few = int(np.bincount(training.outcome.truth, minlength=2).min())
    return f"One class has {count(few, 'row')} only: the curve is rough." if few < _FEW_OF_A_CLASS else ""


def _champion(
    training: Training,
    axes: svg.Axes,
    curve: Callable[[Any, Any], curves.Curve],
    place: tuple[float, float],
    anchor: str,
) -> tuple[str, ...]:
    """The curve of the champion, dashed, with its name at a place; nothing where it has none."""
    found = training.champion
    version = training.evaluation.champion_version
    if found is None or found.scores is None or version is None:
        return ()
    ups = int((found.truth == 1).sum())
    if not 0 < ups < found.rows:
        return ()
    drawn = curve(found.truth == 1, np.asarray(found.scores, dtype=float))
    return (
        svg.line(axes, drawn, "other"),
        svg.note(axes, *place, f"champion, version {version} (dashed)", anchor=anchor, style="strong"),
    )


def _notes(training: Training) -> str:
    """What limits the curves: few rows of a class, and rows that the champion has learned from."""
    found, rows = training.champion, training.outcome.rows
    fewer = (
        f"The champion's curve is of the {count(found.rows, 'row')} that it has not learned from."
        if found is not None and found.scores is not None and found.rows < rows
        else ""
    )
    return " ".join(filter(None, (_few(training), fewer)))


def _decided(training: Training, axes: svg.Axes) -> tuple[str, ...]:
    """The point of the curve at which the model decides."""
    table = confusion_table(training.outcome, 2)
    alarms, found = (float(row[1]) / max(int(row.sum()), 1) for row in table)
    threshold = training.evaluation.model.threshold
    text = "default threshold" if threshold is None else f"threshold {number(threshold)}"
    point = (alarms, found, float("nan"), float("nan"))
    return svg.dots(axes, [point]), svg.note(axes, alarms + 0.03, found - 0.06, text, style="strong")


def _with_numbers(drawn: str, curve: curves.Curve, x_name: str, y_name: str) -> Chart:
    few = curves.thinned(curve, 12)
    rows = tuple((number(float(x)), number(float(y))) for x, y in zip(few.x, few.y, strict=True))
    return Chart(drawn, (x_name, y_name), rows)
