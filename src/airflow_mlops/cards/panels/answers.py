"""What the model predicts on the hold-out: curves, calibration, decisions, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from airflow_mlops.cards import svg
from airflow_mlops.cards.core import curves
from airflow_mlops.cards.core.scales import Scale, number, percent, scale_of
from airflow_mlops.cards.panel import ASK, IDLE, OK, Badge, Chart, Panel, Table
from airflow_mlops.cards.training import Training, count
from airflow_mlops.training.core.metric_facts import REGRESSION
from airflow_mlops.training.core.metrics import Outcome

_SHARE: Final = Scale(0.0, 1.0)
_DIAGONAL: Final = curves.Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
_MOST_CLASSES: Final = 8
_MOST_CONFUSIONS: Final = 10
_FEW_OF_A_CLASS: Final = 10
_HALF: Final = 0.5
_FEW_ROWS: Final = 100
"""With fewer rows, calibration that looks right shows nothing."""


def answer_panels(training: Training) -> list[Panel]:
    """Return the panels that suit the task: numbers, two classes, or more."""
    outcome = training.outcome
    if outcome.task == REGRESSION:
        return [_predictions(outcome), _errors(outcome)]
    if outcome.scores is not None:
        return [_roc(training), _precision_recall(training), _calibration(training), _decisions(training)]
    return [_decisions(training)] if len(training.classes) <= _MOST_CLASSES else [_confusions(training)]


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


def _roc(training: Training) -> Panel:
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
    table = _table(training.outcome, 2)
    alarms, found = (float(row[1]) / max(int(row.sum()), 1) for row in table)
    threshold = training.evaluation.model.threshold
    text = "default threshold" if threshold is None else f"threshold {number(threshold)}"
    point = (alarms, found, float("nan"), float("nan"))
    return svg.dots(axes, [point]), svg.note(axes, alarms + 0.03, found - 0.06, text, style="strong")


def _precision_recall(training: Training) -> Panel:
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


def _with_numbers(drawn: str, curve: curves.Curve, x_name: str, y_name: str) -> Chart:
    few = curves.thinned(curve, 12)
    rows = tuple((number(float(x)), number(float(y))) for x, y in zip(few.x, few.y, strict=True))
    return Chart(drawn, (x_name, y_name), rows)


def _calibration(training: Training) -> Panel:
    positive, scores = training.outcome.truth == 1, np.asarray(training.outcome.scores, dtype=float)
    bins = curves.calibration(positive, scores)
    off = curves.worst(bins)
    top = max([item.high for item in bins] + [item.predicted for item in bins])
    scale = Scale(0.0, 1.0 if top > 0.6 else max(round(top + 0.05, 1), 0.1))
    axes = svg.Axes(scale, scale, f"predicted probability of {training.positive}", "observed share")
    drawn = _against_prediction("Observed share against predicted probability", axes, bins)
    badge = _direction(off)
    if off is not None:
        sentence = f"Predicts {number(off.predicted)} where {number(off.observed)} are {training.positive}."
    elif len(scores) < _FEW_ROWS:
        badge = Badge(IDLE, "Few rows")
        sentence = "Too few rows to find anything but gross errors of the probabilities."
    else:
        sentence = "Predicted probabilities agree with what was observed."
    return Panel("Calibration", sentence, (drawn,), badge, width="third")


def _against_prediction(label: str, axes: svg.Axes, bins: tuple[curves.Bin, ...]) -> Chart:
    """Draw what was observed against what was predicted, beside the diagonal of a calibrated model."""
    ends = np.array([axes.x.low, axes.x.high])
    drawn = svg.chart(
        label,
        axes,
        svg.line(axes, curves.Curve(ends, ends), "exact"),
        svg.line(axes, curves.Curve(*np.array([(item.predicted, item.observed) for item in bins]).T)),
        svg.dots(axes, [(item.predicted, item.observed, item.low, item.high) for item in bins]),
    )
    rows = tuple((number(item.predicted), number(item.observed), f"{item.rows:,}") for item in bins)
    return Chart(drawn, ("predicted", "observed", "rows"), rows)


def _direction(off: curves.Bin | None) -> Badge:
    if off is None:
        return Badge(OK, "As observed")
    return Badge(ASK, "Too high" if off.predicted > off.observed else "Too low")


def _decisions(training: Training) -> Panel:
    outcome, size = training.outcome, max(len(training.classes), 2)
    table = _table(outcome, size)
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


def _table(outcome: Outcome, size: int) -> Any:
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


def _predictions(outcome: Outcome) -> Panel:
    bins = curves.mean_by_prediction(outcome.truth, outcome.predicted)
    off = curves.worst(bins)
    scale = scale_of(
        [value for item in bins for value in (item.predicted, item.observed, item.low, item.high)]
    )
    axes = svg.Axes(scale, scale, "predicted", "observed mean")
    drawn = _against_prediction("Observed mean against prediction", axes, bins)
    sentence = (
        "Predictions agree with the observed means."
        if off is None
        else f"Predicts {number(off.predicted)} where the mean is {number(off.observed)}."
    )
    return Panel("Calibration", sentence, (drawn,), _direction(off))


def _errors(outcome: Outcome) -> Panel:
    errors = outcome.predicted - outcome.truth
    half, most = (float(np.quantile(np.abs(errors), share)) for share in (0.5, 0.9))
    low, high = np.quantile(errors, [0.01, 0.99])
    inside = errors[(errors >= low) & (errors <= high)]
    scale = scale_of([float(low), float(high), 0.0], pad=0.02)
    heights, edges = np.histogram(inside, bins=24, range=(scale.low, scale.high))
    axes = svg.Axes(
        scale, Scale(0.0, float(max(heights.max(), 1)) * 1.05), "predicted minus observed", "rows"
    )
    zero = curves.Curve(np.array([0.0, 0.0]), np.array([0.0, axes.y.high]))
    drawn = svg.chart(
        "Histogram of the errors",
        axes,
        svg.columns(axes, edges.tolist(), heights.tolist()),
        svg.line(axes, zero, "exact"),
    )
    mean = float(errors.mean())
    note = f"The mean error is {number(mean, signed=True)}. The outermost 1 % on each side are not drawn."
    sentence = f"Half of the predictions are within {number(half)}, nine of ten within {number(most)}."
    rows = tuple(
        (f"{share:.0%}".replace("%", " %"), number(float(np.quantile(errors, share)), signed=True))
        for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
    )
    return Panel(
        "Errors",
        sentence,
        (Chart(drawn, ("share of the rows below", "error"), rows),),
        note=note,
    )
