"""What the model predicts on the hold-out: the panels that suit its task, calibration and errors."""

from __future__ import annotations

from typing import Final

import numpy as np

from airflow_mlops.cards import svg
from airflow_mlops.cards.core import curves
from airflow_mlops.cards.core.scales import Scale, number, scale_of
from airflow_mlops.cards.panel import ASK, IDLE, OK, Badge, Chart, Panel
from airflow_mlops.cards.panels.decisions import decisions
from airflow_mlops.cards.panels.score_curves import precision_recall, roc
from airflow_mlops.cards.training import Training
from airflow_mlops.training.core.metric_facts import REGRESSION
from airflow_mlops.training.core.metrics import Outcome

_FEW_ROWS: Final = 100
"""With fewer rows, calibration that looks right shows nothing."""


def answer_panels(training: Training) -> list[Panel]:
    """Return the panels that suit the task: numbers, two classes, or more."""
    outcome = training.outcome
    if outcome.task == REGRESSION:
        return [_predictions(outcome), _errors(outcome)]
    if outcome.scores is not None:
        return [roc(training), precision_recall(training), _calibration(training), decisions(training)]
    return [decisions(training)]


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
